import type { PriceService } from '#catalog/service/price.ts';
import type { CustomerService } from '#customers/service.ts';
import type { EntitlementService } from '#entitlements/service/entitlements.ts';
import type { DeliveryService } from '#ingestion/service/delivery.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Usage } from '#metering/domain/usage.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { MeterUsageRequest } from '#metering/service/usage.ts';
import type { Database } from '#platform/postgres/database.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';
import type { Computation } from '../domain/computation.ts';
import type { Invoice } from '../domain/invoice.ts';
import type { Pipeline } from './pipeline.ts';

/** Reads usage; answers in the order of the questions. Throws `service_unavailable` when the store does not answer. */
export type ReadUsage = (ctx: RequestContext, requests: readonly MeterUsageRequest[]) => Promise<readonly Usage[]>;

export interface BillingDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly customers: CustomerService;
  readonly subscriptions: SubscriptionService;
  readonly prices: PriceService;
  readonly meters: MeterService;
  /** The features that the meters measure, or did before they were deleted. */
  readonly featuresOfMeters: (
    ctx: RequestContext,
    meterIds: readonly string[],
  ) => Promise<readonly { readonly id: string; readonly meterId: string | null }[]>;
  /** All that a subscription has of rights, its plan's and its own, whatever their dates. */
  readonly entitlementsOf: EntitlementService['forSubscription'];
  readonly readUsage: ReadUsage;
  /** How far accepted events are stored. Throws `service_unavailable` where that cannot be known. */
  readonly delivery: Pick<DeliveryService, 'of'>;
  /** The stages that other modules give. */
  readonly pipeline: Pipeline;
  /** Told of each try to compute a draft that came to nothing. */
  readonly onFailure: (draft: Invoice, computation: Computation, error: unknown) => void;
  /** Told of each draft whose time has come and which waits for events that were accepted before. */
  readonly onWaiting: () => void;
  /** How long a draft with usage waits between its first computation and its final one: events that arrive until then still count. */
  readonly finalizationDelaySeconds: number;
}
