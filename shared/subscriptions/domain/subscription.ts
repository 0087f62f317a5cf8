import type { DateTime } from 'luxon';
import type { BillingCycle, RecurringPeriod } from '#kernel/calendar/period.ts';
import type { EntityColumns } from '#kernel/wire.ts';

export type SubscriptionStatus = 'active' | 'paused' | 'cancelled' | 'incomplete' | 'trialing' | 'draft';
/** `parent`: others inherit it, and it is billed for their usage, too. `inherited`: follows its parent, without lines and invoices (billing.md 4.10). */
export type SubscriptionType = 'standalone' | 'parent' | 'inherited';
/** Types that have lines, periods and invoices of their own. */
export const BILLED_TYPES = ['standalone', 'parent'] as const satisfies readonly SubscriptionType[];
export type CollectionMethod = 'charge_automatically' | 'send_invoice';
export type PaymentBehavior = 'allow_incomplete' | 'default_incomplete' | 'error_if_incomplete' | 'default_active';
export type ProrationBehavior = 'create_prorations' | 'none';

/** A customer's running contract on a plan (billing.md 2.2). Periods are half-open; `currency` is lower case. */
export interface Subscription extends EntityColumns {
  readonly lookupKey: string | null;
  readonly customerId: string;
  readonly planId: string;
  readonly subscriptionStatus: SubscriptionStatus;
  readonly subscriptionType: SubscriptionType;
  /** Of an inherited subscription: the one that it is inherited from, which is billed for it. */
  readonly parentSubscriptionId: string | null;
  readonly currency: string;
  readonly billingCadence: 'RECURRING';
  readonly billingCycle: BillingCycle;
  readonly billingPeriod: RecurringPeriod;
  readonly billingPeriodCount: number;
  readonly billingAnchor: DateTime;
  /** IANA name, copied from the customer at creation: all boundaries are computed in it. */
  readonly timezone: string;
  readonly startDate: DateTime;
  readonly endDate: DateTime | null;
  readonly currentPeriodStart: DateTime;
  readonly currentPeriodEnd: DateTime;
  readonly cancelAt: DateTime | null;
  readonly cancelAtPeriodEnd: boolean;
  readonly cancelledAt: DateTime | null;
  readonly cancellationReason: string | null;
  readonly collectionMethod: CollectionMethod;
  readonly paymentBehavior: PaymentBehavior;
  readonly prorationBehavior: ProrationBehavior;
  readonly paymentTerms: string | null;
  readonly gatewayPaymentMethodId: string | null;
  /** Rises with every change; a writer that read another version gives up. */
  readonly version: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A subscription as it is shown. Pauses are not part of the product yet. */
export function shownSubscription(subscription: Subscription): Subscription & { readonly pauseStatus: 'none' } {
  return { ...subscription, pauseStatus: 'none' };
}
