import type { PlanService } from '#catalog/service/plan.ts';
import type { PriceService } from '#catalog/service/price.ts';
import type { CustomerService } from '#customers/service.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import type { Subscription } from '../domain/subscription.ts';

/** What a subscription asks of billing. Billing knows subscriptions and not the other way round, so it stands here as a port. */
export interface SubscriptionInvoicing {
  /** The opening invoice, complete, in the transaction that creates the subscription. */
  open(tx: TenantTransaction, ctx: RequestContext, subscription: Subscription): Promise<void>;
  /** An empty draft for a period that has closed, or its existing one. */
  draft(tx: TenantTransaction, ctx: RequestContext, subscription: Subscription, draft: InvoiceDraft): Promise<{ readonly id: string }>;
  /** Computes and finalizes a draft, after the transaction that made it. What fails for want of an engine is left to the sweep. */
  settle(ctx: RequestContext, invoiceId: string): Promise<void>;
}

export interface InvoiceDraft {
  readonly reason: 'SUBSCRIPTION_CYCLE' | 'PRORATION';
  readonly period: Period;
}

export interface SubscriptionDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly customers: CustomerService;
  readonly plans: PlanService;
  readonly prices: PriceService;
  readonly meters: MeterService;
  readonly invoicing: SubscriptionInvoicing;
  readonly logger: EventLogLogger;
}
