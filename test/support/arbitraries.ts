import fc from 'fast-check';
import { DateTime } from 'luxon';
import type { Tier, TierMode } from '#catalog/domain/price.ts';
import type { PricingTerms } from '#charges/domain/pricing.ts';
import { RECURRING_PERIODS, type RecurringPeriod } from '#kernel/calendar/period.ts';
import { Decimal } from '#kernel/decimal.ts';

/** Zones with and without clock changes, with half-hour offsets, southern summers, and midnights that are skipped or doubled. */
export const ZONES = [
  'UTC',
  'Asia/Kolkata',
  'Asia/Tokyo',
  'America/New_York',
  'Europe/London',
  'Europe/Athens',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'America/Havana',
  'Asia/Kathmandu',
  'Pacific/Auckland',
  'America/St_Johns',
] as const;

export const timezone = (): fc.Arbitrary<string> => fc.constantFrom(...ZONES);

/** Instants of 2010 to 2035, in UTC, to the millisecond. */
export const instant = (): fc.Arbitrary<DateTime> =>
  fc.integer({ min: Date.UTC(2010, 0, 1), max: Date.UTC(2035, 0, 1) }).map((millis) => DateTime.fromMillis(millis, { zone: 'utc' }));

export const recurringPeriod = (): fc.Arbitrary<RecurringPeriod> => fc.constantFrom(...RECURRING_PERIODS);

/** Non-negative money or unit prices with up to 4 fraction digits. */
export const amount = (max: number = 1000): fc.Arbitrary<Decimal> =>
  fc.integer({ min: 0, max: max * 10_000 }).map((value) => new Decimal(value).div(10_000));

export const wholeQuantity = (max: number): fc.Arbitrary<Decimal> => fc.integer({ min: 0, max }).map((value) => new Decimal(value));

/** Quantities with up to 3 fraction digits. */
export const quantity = (max: number): fc.Arbitrary<Decimal> =>
  fc.integer({ min: 0, max: max * 1000 }).map((value) => new Decimal(value).div(1000));

/** Valid tiers: 1 to 5, ascending, the last one open; `max` bounds the last finite border. */
export const tiers = (max: number = 200, flat: fc.Arbitrary<Decimal | null> = fc.option(amount(50))): fc.Arbitrary<Tier[]> =>
  fc.uniqueArray(fc.integer({ min: 1, max }), { maxLength: 4 }).chain((borders) => {
    const ends = [...borders.sort((a, b) => a - b).map((border) => new Decimal(border)), null];
    return fc.tuple(...ends.map((upTo) => fc.record({ upTo: fc.constant(upTo), unitAmount: amount(20), flatAmount: flat })));
  });

export const tieredPrice = (mode: TierMode, of: fc.Arbitrary<Tier[]> = tiers()): fc.Arbitrary<PricingTerms> =>
  of.map((list) => ({ billingModel: 'TIERED', tierMode: mode, tiers: list, amount: null, transformQuantity: null }));

export const flatPrice = (): fc.Arbitrary<PricingTerms> =>
  amount().map((value) => ({ billingModel: 'FLAT_FEE', tierMode: null, tiers: null, amount: value, transformQuantity: null }));

export const packagePrice = (): fc.Arbitrary<PricingTerms> =>
  fc
    .record({ value: amount(), divideBy: fc.integer({ min: 1, max: 100 }), round: fc.constantFrom('up' as const, 'down' as const) })
    .map(({ value, divideBy, round }) => ({
      billingModel: 'PACKAGE',
      tierMode: null,
      tiers: null,
      amount: value,
      transformQuantity: { divideBy, round },
    }));
