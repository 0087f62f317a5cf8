import { termsChangeOf } from '#catalog/service/price-write.ts';
import { invalid } from '#kernel/errors.ts';
import { fromWire } from '#kernel/wire.ts';
import type { CreateSubscriptionRequest } from '../contracts/changes.ts';
import type { CommitmentRequest, TimeBucketRequest } from '../service/commitments.ts';

/** Commitments of a request in the words of the domain. Keys are ids of prices and stay as they came. */
export function commitmentsOf({
  line_item_commitments: commitments,
}: Pick<CreateSubscriptionRequest, 'line_item_commitments'>): CommitmentRequest[] {
  return Object.entries(commitments ?? {}).map(([priceId, wire]): CommitmentRequest => {
    const config = fromWire(wire);
    return {
      priceId,
      commitmentType: config.commitmentType ?? null,
      commitmentAmount: config.commitmentAmount ?? null,
      commitmentQuantity: config.commitmentQuantity ?? null,
      overageFactor: config.overageFactor ?? null,
      trueUpEnabled: config.enableTrueUp ?? false,
      windowed: config.isWindowCommitment ?? null,
      duration: config.commitmentDuration ?? null,
      timeBuckets: (config.commitmentTimeBuckets ?? []).map((bucket, index) =>
        timeBucketOf(bucket, `line_item_commitments.${priceId}.commitment_time_buckets[${index}]`),
      ),
    };
  });
}

type Config = NonNullable<CreateSubscriptionRequest['line_item_commitments']>[string];
type Bucket = NonNullable<ReturnType<typeof fromWire<Config>>['commitmentTimeBuckets']>[number];

function timeBucketOf({ price, ...bucket }: Bucket, field: string): TimeBucketRequest {
  const terms = price ? termsChangeOf({ ...price, billingModel: price.billingModel ?? null }) : null;
  if (price && terms === null) throw invalid(`${field}.price`, 'needs an amount or tiers');
  return {
    start: { hour: bucket.start.hour ?? 0, minute: bucket.start.minute ?? 0 },
    end: { hour: bucket.end.hour ?? 0, minute: bucket.end.minute ?? 0 },
    commitmentType: bucket.commitmentType ?? 'amount',
    commitmentValue: bucket.commitmentValue,
    overageFactor: bucket.overageFactor ?? null,
    trueUpEnabled: bucket.trueUpEnabled ?? false,
    price: price && terms ? { terms, currency: price.currency ?? null, meterId: price.meterId ?? null } : null,
  };
}
