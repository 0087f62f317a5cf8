import type { DateTime } from 'luxon';
import type { Price } from '#catalog/domain/price.ts';
import type { PricedStep, PricingTerms } from '#catalog/domain/pricing.ts';
import type { AllowanceRule } from '#entitlements/domain/billable.ts';
import type { ResetPeriod } from '#entitlements/domain/entitlement.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { Decimal } from '#kernel/decimal.ts';

/** The price as it was when the line was computed. */
export interface PriceSnapshot extends PricingTerms {
  readonly id: string;
  readonly type: Price['type'];
  readonly currency: string;
  /** Version of the price: rises on every change that subscriptions must react to. */
  readonly sequence: number;
}

/** The meter as it was when its usage was read. */
export interface MeterSnapshot {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly eventName: string;
  readonly aggregation: { readonly type: string; readonly field: string | null; readonly multiplier: string | null; readonly bucketSize: string | null; readonly groupBy: string | null };
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

/**
 * What an amount was made from, kept on the invoice line (DESIGN rule 4): anyone can repeat the sum with this record alone.
 */
export interface LineCalculation {
  readonly price: PriceSnapshot;
  readonly usage: {
    readonly meter: MeterSnapshot;
    readonly externalCustomerId: string;
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
  readonly proration: { readonly numeratorSeconds: Decimal; readonly denominatorSeconds: Decimal } | null;
  readonly unroundedAmount: Decimal;
  readonly rounding: { readonly currency: string; readonly digits: number; readonly mode: 'half_away_from_zero' };
  readonly amount: Decimal;
}
