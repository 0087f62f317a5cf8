import type { DateTime } from 'luxon';
import type { Price } from '#catalog/domain/price.ts';
import type { PricedStep, PricingTerms } from './pricing.ts';
import type { ResetPeriod } from '#catalog/domain/entitlement.ts';
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
  /** Absent in records from before they were kept. */
  readonly billingPeriod?: Price['billingPeriod'];
  readonly billingPeriodCount?: number;
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
  billingPeriod,
  billingPeriodCount,
}: Price): PriceSnapshot {
  return { id, type, currency, sequence, billingPeriod, billingPeriodCount, billingModel, amount, tierMode, tiers, transformQuantity };
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
  /** Absent in records from before it was asked for. */
  readonly resetUsage?: 'BILLING_PERIOD' | 'NEVER';
}

/** Usage of one window: what was asked, what came back, and how far the store had seen. */
export interface UsageReading {
  readonly period: Period;
  readonly value: Decimal;
  readonly eventCount: number;
  /** All events accepted up to here are in the value; null where nothing is stored yet. */
  readonly watermark: DateTime | null;
}

/** Once for the period, once per window, or by what windows that began earlier gained; `constant`: the piece of a window that passes its limit most. */
export type ShownRule = 'whole_period' | 'each_window' | 'since_start' | 'constant';

/** A part of the line's period in which one limit of one window was in force. What is over it: `until` over the limit less `before` over it. */
export interface AllowanceCalculation {
  readonly period: Period;
  /** Where the window began. */
  readonly since: DateTime;
  /** Null: without a limit. */
  readonly limit: Decimal | null;
  /** Usage of the window up to the part's start and up to its end; of an aggregation that cannot be subtracted 0 and the part's own. */
  readonly before: Decimal;
  readonly until: Decimal;
}

/** Entries that stand beside the line because they are many. `digest` changes with any of them. */
export interface Beside {
  readonly count: number;
  readonly digest: string;
}

/** How a commitment changed what the usage of a line costs, exactly; `charge` is the line's amount before rounding. */
export interface CommitmentCalculation extends CommitmentSplit {
  /** As the line shows it: its parts are rounded and add up to the line's amount. */
  readonly info: CommitmentInfo;
  /** What is committed to in the period or, windowed, in each window; null where only time buckets have a commitment. */
  readonly line: Commitment | null;
  /** All that was committed to: the amount of the period, or of its windows together. */
  readonly committed: Decimal;
  /** The part of a cut period that a true-up is owed for; null where none is owed, or for the whole period. */
  readonly lived: { readonly numeratorSeconds: Decimal; readonly denominatorSeconds: Decimal } | null;
  readonly timeBuckets: readonly {
    readonly id: string;
    readonly start: TimeOfDay;
    readonly end: TimeOfDay;
    readonly price: PriceSnapshot;
    readonly commitment: Commitment | null;
  }[];
  /** Windows with usage, each charged on its own; null for a commitment of the whole period. */
  readonly windows: readonly CommittedWindow[] | null;
  /** Present where the windows are many: they are kept beside the line, and `windows` is null. */
  readonly windowsBeside?: Beside;
  /** How many windows without usage owe a true-up, by the time bucket whose terms apply (null: the line's). */
  readonly emptyWindows: readonly { readonly bucketId: string | null; readonly count: number }[];
}

export interface CommittedWindow extends CommitmentSplit {
  readonly start: DateTime;
  readonly bucketId: string | null;
  /** Lived through; a window that was cut, or is not over yet, owes no true-up. */
  readonly isElapsed: boolean;
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
    /** Present where the buckets are many: they are kept beside the line, and `buckets` is null. */
    readonly bucketsBeside?: Beside;
  } | null;
  readonly entitlement: {
    readonly sources: readonly string[];
    readonly limit: Decimal | null;
    readonly reset: ResetPeriod | null;
    readonly rule: ShownRule;
    /** How the usage was held against it, in the order of time; `limit` and `reset` above are those of the last one. */
    readonly pieces: readonly AllowanceCalculation[];
  } | null;
  readonly quantityBeforeEntitlement: Decimal;
  readonly quantity: Decimal;
  /** One for each tier of each price that was walked, summed over buckets and windows. */
  readonly steps: readonly PricedStep[];
  readonly commitment: CommitmentCalculation | null;
  readonly proration: { readonly numeratorSeconds: Decimal; readonly denominatorSeconds: Decimal } | null;
  readonly unroundedAmount: Decimal;
  readonly rounding: { readonly currency: string; readonly digits: number; readonly mode: 'half_away_from_zero' };
  readonly amount: Decimal;
}
