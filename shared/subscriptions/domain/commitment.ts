import type { BillingPeriod } from '#kernel/calendar/period.ts';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import { type Decimal, decimal } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';

/** Money, or a quantity whose price is the money. */
export type CommitmentType = 'amount' | 'quantity';

/** A reading of the wall clock. 24:00 is the end of the day. */
export interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
}

/** A part of the day with a price and a commitment of its own, as the JSON column keeps it: decimals are text. */
export interface TimeOfDayBucket {
  readonly id: string;
  readonly start: TimeOfDay;
  /** Exclusive. At or before `start` it means the next day: the bucket wraps midnight. */
  readonly end: TimeOfDay;
  readonly priceId: string;
  readonly commitmentType: CommitmentType;
  readonly commitmentValue: string;
  readonly overageFactor: string;
  readonly trueUpEnabled: boolean;
}

/** What a customer has committed to on a line (metering.md 7, billing.md 3.8). Null and empty: nothing. */
export interface LineCommitment {
  readonly commitmentType: CommitmentType | null;
  readonly commitmentAmount: Decimal | null;
  readonly commitmentQuantity: Decimal | null;
  /** What usage above the commitment costs, times its price; at least 1. */
  readonly commitmentOverageFactor: Decimal | null;
  readonly commitmentTrueUpEnabled: boolean;
  /** Applies to each window of the meter's bucket size instead of the period. */
  readonly commitmentWindowed: boolean;
  readonly commitmentDuration: BillingPeriod | null;
  readonly commitmentTimeBuckets: readonly TimeOfDayBucket[];
}

export const NO_COMMITMENT: LineCommitment = {
  commitmentType: null,
  commitmentAmount: null,
  commitmentQuantity: null,
  commitmentOverageFactor: null,
  commitmentTrueUpEnabled: false,
  commitmentWindowed: false,
  commitmentDuration: null,
  commitmentTimeBuckets: [],
};

/** Whether the line, or a part of the day on it, is committed to something. */
export function isCommitted({ commitmentType, commitmentTimeBuckets }: LineCommitment): boolean {
  return commitmentType !== null || commitmentTimeBuckets.length > 0;
}

const DAY_MINUTES = 1440;
const MINUTES: Readonly<Partial<Record<WindowSize, number>>> = {
  MINUTE: 1,
  '15MIN': 15,
  '30MIN': 30,
  HOUR: 60,
  '3HOUR': 180,
  '6HOUR': 360,
  '12HOUR': 720,
};

export function minuteOfDay({ hour, minute }: TimeOfDay): number {
  return hour * 60 + minute;
}

/** Whether a minute of the day (0 to 1439) lies in [start, end), over midnight where the end comes first. */
export function isWithin({ start, end }: Pick<TimeOfDayBucket, 'start' | 'end'>, minute: number): boolean {
  const [from, to] = [minuteOfDay(start), minuteOfDay(end)];
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

/** What the rules look at: the line's price and meter. */
export interface CommittableLine {
  readonly priceType: 'FIXED' | 'USAGE';
  readonly billingPeriod: BillingPeriod;
  readonly billingPeriodCount: number;
  readonly meter: { readonly bucketSize: WindowSize | null; readonly resetUsage: 'BILLING_PERIOD' | 'NEVER' } | null;
}

/**
 * Throws a validation error that names the wire field below `path` when the commitment cannot be computed for the line: it needs a
 * usage price, a factor of at least 1, either an amount or a quantity, and for windows a bucketed meter (metering.md 7, billing.md 3.8).
 */
export function checkCommitment(commitment: LineCommitment, line: CommittableLine, path: string): void {
  const {
    commitmentType: type,
    commitmentAmount: amount,
    commitmentQuantity: quantity,
    commitmentOverageFactor: factor,
    commitmentTimeBuckets: buckets,
  } = commitment;
  if (!isCommitted(commitment)) throw invalid(path, 'needs a commitment_amount, a commitment_quantity or commitment_time_buckets');
  if (line.priceType !== 'USAGE') throw invalid(path, 'only a usage price can have a commitment');
  if (amount !== null && quantity !== null)
    throw invalid(`${path}.commitment_quantity`, 'must not be given together with commitment_amount');
  if (type === 'amount' && amount === null) throw invalid(`${path}.commitment_amount`, 'is required for commitment_type amount');
  if (type === 'quantity' && quantity === null) throw invalid(`${path}.commitment_quantity`, 'is required for commitment_type quantity');
  for (const [name, value] of [
    ['commitment_amount', amount],
    ['commitment_quantity', quantity],
  ] as const) {
    if (value !== null && !value.gt(0)) throw invalid(`${path}.${name}`, 'must be above 0');
  }
  if (type === null && commitment.commitmentTrueUpEnabled) throw invalid(`${path}.enable_true_up`, 'needs a commitment of the line');
  if (factor !== null && factor.lt(1)) throw invalid(`${path}.overage_factor`, 'must be at least 1');
  checkDuration(commitment, line, path);
  if (commitment.commitmentWindowed) checkWindows(line, `${path}.is_window_commitment`);
  else if (buckets.length > 0) throw invalid(`${path}.is_window_commitment`, 'must be true with commitment_time_buckets');
  if (buckets.length > 0) checkTimeBuckets(buckets, line.meter?.bucketSize ?? null, `${path}.commitment_time_buckets`);
}

/** A commitment for longer than the line's own period would be cumulative. */
function checkDuration(
  { commitmentDuration: duration }: LineCommitment,
  { billingPeriod, billingPeriodCount }: CommittableLine,
  path: string,
): void {
  if (duration !== null && (duration !== billingPeriod || billingPeriodCount !== 1)) {
    throw invalid(
      `${path}.commitment_duration`,
      `must be the billing period of the line (${billingPeriod}): commitments over several periods are not supported yet`,
    );
  }
}

function checkWindows({ meter }: CommittableLine, field: string): void {
  if (meter?.bucketSize == null) throw invalid(field, 'needs a meter with a bucket_size');
  if (meter.resetUsage === 'NEVER') throw invalid(field, 'needs a meter that is reset every billing period');
}

function checkTimeBuckets(buckets: readonly TimeOfDayBucket[], bucketSize: WindowSize | null, path: string): void {
  const window = MINUTES[bucketSize ?? 'DAY'];
  if (window === undefined) throw invalid(path, `needs a meter whose windows are shorter than a day, not ${bucketSize}`);
  const taken = new Set<number>();
  buckets.forEach((bucket, index) => {
    const field = `${path}[${index}]`;
    const [start, end] = [minuteOfDay(bucket.start), minuteOfDay(bucket.end)];
    const length = end > start ? end - start : end + DAY_MINUTES - start;
    if (start >= DAY_MINUTES) throw invalid(`${field}.start`, 'must be before 24:00');
    if (end > DAY_MINUTES) throw invalid(`${field}.end`, 'must not be after 24:00');
    if (end === start) throw invalid(`${field}.end`, 'must differ from start');
    if (start % window !== 0) throw invalid(`${field}.start`, `must begin a window of the meter (${bucketSize})`);
    if (length % window !== 0) throw invalid(`${field}.end`, `must end a window of the meter (${bucketSize})`);
    if (!decimal(bucket.commitmentValue).gt(0)) throw invalid(`${field}.commitment_value`, 'must be above 0');
    if (decimal(bucket.overageFactor).lt(1)) throw invalid(`${field}.overage_factor`, 'must be at least 1');
    for (let minute = start; minute < start + length; minute += window) {
      const occupied = minute % DAY_MINUTES;
      if (taken.has(occupied)) throw invalid(`${field}.start`, 'overlaps another time bucket');
      taken.add(occupied);
    }
  });
}
