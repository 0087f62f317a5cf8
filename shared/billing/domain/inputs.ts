import type { Price } from '#catalog/domain/price.ts';
import type { Entitlement } from '#entitlements/domain/entitlement.ts';
import type { AggregatedEntitlement, EntitlementTerms } from '#entitlements/domain/merge.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { Decimal } from '#kernel/decimal.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import type { SubscriptionLineItem } from '#subscriptions/domain/line-item.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import type { MeterSnapshot, UsageReading } from './calculation.ts';
import type { ReferencePoint } from './fixed-charges.ts';
import type { WindowUsage } from './windowed-commitment.ts';

/** What billing looks at in an entitlement. */
export type EntitlementSource = EntitlementTerms & Pick<Entitlement, 'startDate' | 'endDate'>;

/** A line item with the price it is charged at and, for usage, what is measured and what is included. */
export interface BilledItem {
  readonly item: SubscriptionLineItem;
  readonly price: Price;
  /** Prices of the line's time buckets. */
  readonly bucketPrices: readonly Price[];
  readonly meter: MeterSnapshot | null;
  /** The merged entitlement of the meter's feature, whatever the dates of its sources; null when there is none. */
  readonly entitlement: AggregatedEntitlement<EntitlementSource> | null;
}

/** A line of another invoice of the subscription: what has been charged is not charged again. */
export interface InvoicedLine {
  readonly priceId: string;
  readonly period: Period;
}

/** Everything an invoice depends on, but for the usage. */
export interface InvoiceBasis {
  readonly subscription: Subscription;
  readonly externalCustomerId: string;
  /** Whose usage is billed besides: customers that inherit the subscription, each within its time. */
  readonly inherited: readonly CustomerSpan[];
  readonly items: readonly BilledItem[];
  readonly referencePoint: ReferencePoint;
  /** The span that the invoice is about; usage is counted in it. */
  readonly period: Period;
  /** End of the billing period that a cancellation cut short at `period.end`; null otherwise. */
  readonly fullPeriodEnd: Period['end'] | null;
  readonly invoiced: readonly InvoicedLine[];
  /** Windows without usage owe a true-up when they are over by now. */
  readonly asOf: Period['end'];
}

/** Usage that an invoice needs: the windows of one line item's service period. */
export interface UsageQuestion {
  readonly lineItemId: string;
  readonly meterId: string;
  readonly period: Period;
  readonly windows: readonly Period[];
  /** The windows are the local days or months of the period, so that one windowed query can answer them all. */
  readonly cut: 'DAY' | 'MONTH' | null;
  /** Also the figure of each bucket, because each is priced on its own. */
  readonly buckets: boolean;
  /** Also the usage of each window of the meter, because a commitment applies to each. */
  readonly committedWindows: boolean;
}

export interface UsageAnswer {
  readonly lineItemId: string;
  readonly period: Period;
  /** One per window of the question, in its order. */
  readonly readings: readonly UsageReading[];
  /** Usage of the whole period, where the windows are not just that. */
  readonly whole: UsageReading;
  readonly buckets: readonly Decimal[] | null;
  readonly windows: readonly WindowUsage[] | null;
}
