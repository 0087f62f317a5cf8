import type { PriceService } from '#catalog/service/price.ts';
import type { CustomerService } from '#customers/service.ts';
import type { Entitlement } from '#entitlements/domain/entitlement.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Usage } from '#metering/domain/usage.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { MeterUsageRequest } from '#metering/service/usage.ts';
import type { Database } from '#platform/postgres/database.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';

/** Reads usage; answers in the order of the questions. Throws `service_unavailable` when the store does not answer. */
export type ReadUsage = (ctx: RequestContext, requests: readonly MeterUsageRequest[]) => Promise<readonly Usage[]>;

export interface BillingDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly customers: CustomerService;
  readonly subscriptions: SubscriptionService;
  readonly prices: PriceService;
  readonly meters: MeterService;
  /** The features that the meters measure. */
  readonly featuresOfMeters: (
    ctx: RequestContext,
    meterIds: readonly string[],
  ) => Promise<readonly { readonly id: string; readonly meterId: string | null }[]>;
  readonly entitlementsOf: (ctx: RequestContext, planIds: readonly string[]) => Promise<readonly Entitlement[]>;
  readonly readUsage: ReadUsage;
  /** How long a draft with usage waits between its first computation and its final one: events that arrive until then still count. */
  readonly finalizationDelaySeconds: number;
}
