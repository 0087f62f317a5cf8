import { sumSplits } from '#charges/domain/commitment.ts';
import type { SplitWindow } from '#charges/domain/windowed-commitment.ts';
import { type Decimal, decimal, sum } from '#kernel/decimal.ts';
import type { TimeOfDayBucket } from '#subscriptions/domain/commitment.ts';

/** What a part of the day was used and charged for, over the whole range. */
export interface BucketSummary {
  readonly bucket: TimeOfDayBucket;
  readonly commitmentValue: Decimal;
  readonly totalUsage: Decimal;
  readonly baseCharge: Decimal;
  readonly utilized: Decimal;
  readonly overage: Decimal;
  readonly trueUp: Decimal;
}

/** One summary per time bucket of a line, in their order, also of those without usage. */
export function bucketSummaries(buckets: readonly TimeOfDayBucket[], windows: readonly SplitWindow[]): BucketSummary[] {
  return buckets.map((bucket) => {
    const own = windows.filter((window) => window.bucketId === bucket.id);
    const { base, utilized, overage, trueUp } = sumSplits(own);
    return {
      bucket,
      commitmentValue: decimal(bucket.commitmentValue),
      totalUsage: sum(own.flatMap(({ quantities }) => quantities)),
      baseCharge: base,
      utilized,
      overage,
      trueUp,
    };
  });
}
