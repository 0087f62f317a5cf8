import type { DateTime } from 'luxon';
import type { Price } from '#catalog/domain/price.ts';
import type { PricedStep, PricingTerms } from '#catalog/domain/pricing.ts';
import type { AllowanceRule } from '#entitlements/domain/billable.ts';
import type { ResetPeriod } from '#entitlements/domain/entitlement.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import type { Decimal } from '#kernel/decimal.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import type { TimeOfDay } from '#subscriptions/domain/commitment.ts';
import type { Commitment, CommitmentSplit } from './commitment.ts';
import type { CommitmentInfo } from './line-commitment.ts';

/** The price as it was when the line was computed. */
export interface PriceSnapshot extends PricingTerms {
  readonly id: string;
  readonly type: Price['type'];
  readonly currency: string;
  /** Version of the price: rises on every change that subscriptions must react to. */
  readonly sequence: number;
}

export function priceSnapshot({
  id,
  type,
  currency,
  sequence,
  billingModel,
  amount,
  tierMode,
  tiers,
  transformQuantity,
}: Price): PriceSnapshot {
  return { id, type, currency, sequence, billingModel, amount, tierMode, tiers, transformQuantity };
}

/** The meter as it was when its usage was read. */
export interface MeterSnapshot {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly eventName: string;
  readonly aggregation: {
    readonly type: string;
    readonly field: string | null;
    readonly expression?: string;
    readonly multiplier: string | null;
    readonly bucketSize: WindowSize | null;
    readonly groupBy: string | null;
  };
  readonly filters: readonly { readonly key: string; readonly values: readonly string[] }[];
}

/** Usage of one window: what was asked, what came back, and how far the store had seen. */
export interface UsageReading {
  readonly period: Period;
  readonly value: Decimal;
  readonly eventCount: number;
  /** All events accepted up to here are in the value; null where nothing is stored yet. */
  readonly watermark: DateTime | null;
}

/** How a commitment changed what the usage of a line costs, exactly; `charge` is the line's amount before rounding. */
export interface CommitmentCalculation extends CommitmentSplit {
  /** As the line shows it: its parts are rounded and add up to the line's amount. */
  readonly info: CommitmentInfo;
  /** What is committed to in the period or, windowed, in each window; null where only time buckets have a commitment. */
  readonly line: Commitment | null;
  /** All that was committed to: the amount of the period, or of its windows together. */
  readonly committed: Decimal;
  readonly timeBuckets: readonly {
    readonly id: string;
    readonly start: TimeOfDay;
    readonly end: TimeOfDay;
    readonly price: PriceSnapshot;
    readonly commitment: Commitment | null;
  }[];
  /** Windows with usage, each charged on its own; null for a commitment of the whole period. */
  readonly windows: readonly CommittedWindow[] | null;
  /** How many windows without usage owe a true-up, by the time bucket whose terms apply (null: the line's). */
  readonly emptyWindows: readonly { readonly bucketId: string | null; readonly count: number }[];
}

export interface CommittedWindow extends CommitmentSplit {
  readonly start: DateTime;
  readonly bucketId: string | null;
  /** What was priced, after the entitlement; several where the rows of the window are priced one by one. */
  readonly quantities: readonly Decimal[];
}

/**
 * What an amount was made from, kept on the invoice line (DESIGN rule 4): anyone can repeat the sum with this record alone.
 */
export interface LineCalculation {
  readonly price: PriceSnapshot;
  readonly usage: {
    readonly meter: MeterSnapshot;
    readonly externalCustomerId: string;
    /** Whose events are in the readings besides, each within its time (null: open); absent where nobody inherits the subscription. */
    readonly inherited?: readonly CustomerSpan[];
    readonly readings: readonly UsageReading[];
    /** Figures of the buckets, where each bucket was priced on its own. */
    readonly buckets: readonly Decimal[] | null;
  } | null;
  readonly entitlement: {
    readonly sources: readonly string[];
    readonly limit: Decimal | null;
    readonly reset: ResetPeriod | null;
    readonly rule: AllowanceRule;
  } | null;
  readonly quantityBeforeEntitlement: Decimal;
  readonly quantity: Decimal;
  readonly steps: readonly PricedStep[];
  readonly commitment: CommitmentCalculation | null;
  readonly proration: { readonly numeratorSeconds: Decimal; readonly denominatorSeconds: Decimal } | null;
  readonly unroundedAmount: Decimal;
  readonly rounding: { readonly currency: string; readonly digits: number; readonly mode: 'half_away_from_zero' };
  readonly amount: Decimal;
}
