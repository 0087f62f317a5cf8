import type { Price } from '#catalog/domain/price.ts';
import { changedTerms, draftFrom, type PriceTermsChange } from '#catalog/service/price-write.ts';
import type { BillingPeriod } from '#kernel/calendar/period.ts';
import { type Decimal, ONE } from '#kernel/decimal.ts';
import { DomainError, invalid } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import {
  type CommitmentType,
  checkCommitment,
  type LineCommitment,
  NO_COMMITMENT,
  type TimeOfDay,
  type TimeOfDayBucket,
} from '../domain/commitment.ts';
import type { SubscriptionDependencies } from './dependencies.ts';

/** A part of the day as a caller asks for it. Without a price of its own it is charged at the line's. */
export interface TimeBucketRequest {
  readonly start: TimeOfDay;
  readonly end: TimeOfDay;
  readonly commitmentType: CommitmentType;
  readonly commitmentValue: Decimal;
  readonly overageFactor: Decimal | null;
  readonly trueUpEnabled: boolean;
  readonly price: { readonly terms: PriceTermsChange; readonly currency: string | null; readonly meterId: string | null } | null;
}

/** A commitment as a caller asks for it, for the line of a price of the plan. */
export interface CommitmentRequest {
  readonly priceId: string;
  readonly commitmentType: CommitmentType | null;
  readonly commitmentAmount: Decimal | null;
  readonly commitmentQuantity: Decimal | null;
  readonly overageFactor: Decimal | null;
  readonly trueUpEnabled: boolean;
  /** Null: as time buckets need it. */
  readonly windowed: boolean | null;
  readonly duration: BillingPeriod | null;
  readonly timeBuckets: readonly TimeBucketRequest[];
}

/** Throws a validation error when a commitment names a price that is not one of `offered`. */
export function requireKnownPrices(requests: readonly CommitmentRequest[], offered: readonly Price[]): void {
  const ids = new Set(offered.map((price) => price.id));
  const stranger = requests.find(({ priceId }) => !ids.has(priceId));
  if (stranger) throw invalid(fieldOf(stranger), 'is not a price of this subscription');
}

/**
 * What is stored of a line's commitment; the prices of its time buckets are written, scoped to the subscription.
 * Throws a validation error that names the field which cannot be billed as asked (metering.md 7).
 */
export async function writeCommitment(
  tx: TenantTransaction,
  { prices, clock }: Pick<SubscriptionDependencies, 'prices' | 'clock'>,
  subscriptionId: string,
  line: { readonly price: Price; readonly meter: Meter | null },
  request: CommitmentRequest | undefined,
): Promise<LineCommitment> {
  if (request === undefined) return NO_COMMITMENT;
  const { price, meter } = line;
  const field = fieldOf(request);
  const commitment = commitmentOf(request, price.id, () => newId('bucket', clock));
  checkCommitment(
    commitment,
    {
      priceType: price.type,
      billingPeriod: price.billingPeriod,
      billingPeriodCount: price.billingPeriodCount,
      meter: meter && { bucketSize: meter.aggregation.bucketSize, resetUsage: meter.resetUsage },
    },
    field,
  );
  const buckets: TimeOfDayBucket[] = [];
  for (const [index, bucket] of commitment.commitmentTimeBuckets.entries()) {
    const own = request.timeBuckets[index]?.price ?? null;
    const path = `${field}.commitment_time_buckets[${index}].price`;
    if (own !== null) requireSameThing(own, price, path);
    buckets.push(
      own === null
        ? bucket
        : {
            ...bucket,
            priceId: (
              await named(
                path,
                prices.createWithin(tx, {
                  ...draftFrom(price),
                  ...changedTerms(price, own.terms),
                  entityType: 'SUBSCRIPTION',
                  entityId: subscriptionId,
                  parentPriceId: price.parentPriceId ?? price.id,
                  lookupKey: null,
                }),
              )
            ).id,
          },
    );
  }
  return { ...commitment, commitmentTimeBuckets: buckets };
}

function commitmentOf(request: CommitmentRequest, linePriceId: string, bucketId: () => string): LineCommitment {
  const type =
    request.commitmentType ?? (request.commitmentAmount !== null ? 'amount' : request.commitmentQuantity !== null ? 'quantity' : null);
  return {
    commitmentType: type,
    commitmentAmount: request.commitmentAmount,
    commitmentQuantity: request.commitmentQuantity,
    commitmentOverageFactor: request.overageFactor ?? (type === null ? null : ONE),
    commitmentTrueUpEnabled: request.trueUpEnabled,
    commitmentWindowed: request.windowed ?? request.timeBuckets.length > 0,
    commitmentDuration: request.duration,
    commitmentTimeBuckets: request.timeBuckets.map(({ start, end, commitmentType, commitmentValue, overageFactor, trueUpEnabled }) => ({
      id: bucketId(),
      start,
      end,
      priceId: linePriceId,
      commitmentType,
      commitmentValue: commitmentValue.toFixed(),
      overageFactor: (overageFactor ?? ONE).toFixed(),
      trueUpEnabled,
    })),
  };
}

/** A time bucket has another price for the same thing in the same money. */
function requireSameThing({ currency, meterId }: NonNullable<TimeBucketRequest['price']>, line: Price, path: string): void {
  if (currency !== null && currency.toLowerCase() !== line.currency.toLowerCase())
    throw invalid(`${path}.currency`, `must be the line's, ${line.currency}`);
  if (meterId !== null && meterId !== line.meterId) throw invalid(`${path}.meter_id`, "must be the line's meter");
}

/** Says where in the request the price stands that is refused. */
async function named<T>(path: string, written: Promise<T>): Promise<T> {
  return written.catch((error: unknown) => {
    const field = error instanceof DomainError && error.code === 'validation_error' ? error.details?.field : undefined;
    if (typeof field !== 'string') throw error;
    throw invalid(`${path}.${field}`, String((error as DomainError).details?.reason ?? ''));
  });
}

function fieldOf({ priceId }: CommitmentRequest): string {
  return `line_item_commitments.${priceId}`;
}
