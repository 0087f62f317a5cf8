import type { Price } from '#catalog/domain/price.ts';
import type { AllowanceSource } from '#entitlements/domain/allowance.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { Decimal } from '#kernel/decimal.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import type { SubscriptionLineItem } from '#subscriptions/domain/line-item.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import type { MeterSnapshot, UsageReading } from './calculation.ts';
import type { ReferencePoint } from './fixed-charges.ts';
import type { WindowUsage } from './windowed-commitment.ts';

/** What billing looks at in an entitlement. */
export type EntitlementSource = AllowanceSource;

/** A line item with the price it is charged at and, for usage, what is measured and what is included. */
export interface BilledItem {
  readonly item: SubscriptionLineItem;
  readonly price: Price;
  /** Prices of the line's time buckets. */
  readonly bucketPrices: readonly Price[];
  readonly meter: MeterSnapshot | null;
  /** All entitlements of the subscription to the meter's feature, whatever their dates. */
  readonly entitlements: readonly EntitlementSource[];
}

/** A line of another invoice of the subscription: what has been charged is not charged again. */
export interface InvoicedLine {
  readonly lineItemId: string;
  readonly priceId: string | null;
  readonly priceType: Price['type'] | null;
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
  readonly invoiced: readonly InvoicedLine[];
  /** Windows without usage owe a true-up when they are over by now. */
  readonly asOf: Period['end'];
}

/** Usage that an invoice needs: the windows of one line item's service period. */
export interface UsageQuestion {
  readonly lineItemId: string;
  readonly meterId: string;
  readonly period: Period;
  /** The uncut period of the line that `period` is the lived part of. */
  readonly whole: Period;
  /** The ranges that the allowance of the line is about; those up to the period's start may lie before it. */
  readonly windows: readonly Period[];
  /** The ranges are local days, but for what lies before the period, and one query that is cut by the day answers them all. */
  readonly byDay: boolean;
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
