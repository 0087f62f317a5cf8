import { Decimal } from 'decimal.js';

const Exact = Decimal.clone({ precision: 120, rounding: Decimal.ROUND_HALF_UP });

/** The calculation of an invoice line as its column holds it: JSON, with decimals as text. */
export interface StoredCalculation {
  readonly price: {
    readonly billingModel: 'FLAT_FEE' | 'PACKAGE' | 'TIERED';
    readonly amount: string | null;
    readonly tierMode: 'VOLUME' | 'SLAB' | null;
    readonly tiers: readonly { readonly upTo: string | null; readonly unitAmount: string; readonly flatAmount: string | null }[] | null;
    readonly transformQuantity: { readonly divideBy: number; readonly round: 'up' | 'down' } | null;
  };
  readonly usage: { readonly readings: readonly { readonly value: string }[]; readonly buckets: readonly string[] | null } | null;
  readonly entitlement: {
    readonly rule: string;
    readonly pieces: readonly { readonly since: string; readonly limit: string | null; readonly before: string; readonly until: string }[];
  } | null;
  readonly commitment: StoredCommitment | null;
  readonly quantity: string;
  readonly proration: { readonly numeratorSeconds: string; readonly denominatorSeconds: string } | null;
  readonly rounding: { readonly digits: number };
}

interface StoredPart {
  readonly price: StoredCalculation['price'];
  readonly commitment: { readonly amount: string; readonly overageFactor: string; readonly trueUp: boolean } | null;
}
interface StoredCommitment {
  readonly line: StoredPart['commitment'];
  readonly timeBuckets: readonly (StoredPart & { readonly id: string })[];
  readonly windows:
    | readonly { readonly bucketId: string | null; readonly isElapsed: boolean; readonly quantities: readonly string[] }[]
    | null;
  readonly emptyWindows: readonly { readonly bucketId: string | null; readonly count: number }[];
  readonly lived: StoredCalculation['proration'];
}

/** What a person with this record, a pencil and the price rules of billing.md 3.3 and 3.7 arrives at. Shares no code with the product. */
export function recomputedAmount({ price, usage, entitlement, commitment, quantity, proration, rounding }: StoredCalculation): string {
  const positive = (value: Decimal) => Exact.max(value, 0);
  const cost = (value: Decimal) => costOf(price, value);
  let exact: Decimal;
  if (usage === null) {
    exact = cost(new Exact(quantity));
  } else if (entitlement === null && usage.buckets !== null) {
    exact = positive(usage.buckets.reduce((total, bucket) => total.plus(cost(new Exact(bucket))), new Exact(0)));
  } else {
    exact = cost(entitlement === null ? positive(new Exact(usage.readings[0]?.value ?? 0)) : positive(overLimits(entitlement)));
  }
  if (commitment !== null) exact = withCommitment(commitment, price, exact);
  if (proration !== null) exact = exact.times(proration.numeratorSeconds).div(proration.denominatorSeconds).toDecimalPlaces(16);
  return exact.toDecimalPlaces(rounding.digits).toFixed();
}

/** What of the usage was over its limits: of each window so far or, where that cannot be subtracted, of its greatest piece. */
function overLimits({ rule, pieces }: NonNullable<StoredCalculation['entitlement']>): Decimal {
  const over = (usage: string, limit: string) => Exact.max(new Exact(usage).minus(limit), 0);
  const parts = pieces.map(({ since, limit, before, until }) => ({
    since,
    over: limit === null ? new Exact(0) : over(until, limit).minus(over(before, limit)),
  }));
  const total = (values: readonly Decimal[]) => values.reduce((all, value) => all.plus(value), new Exact(0));
  if (rule !== 'constant') return total(parts.map((part) => part.over));
  return total([...Map.groupBy(parts, (part) => part.since).values()].map((own) => Exact.max(...own.map((part) => part.over))));
}

/** Table of metering.md 7: once for what the whole costs, or for each window. */
function withCommitment(
  { line, timeBuckets, windows, emptyWindows, lived }: StoredCommitment,
  price: StoredCalculation['price'],
  whole: Decimal,
): Decimal {
  const charged = (base: Decimal, promised: StoredPart['commitment'], owed = new Exact(promised?.amount ?? 0)) => {
    if (promised === null) return base;
    if (base.gt(promised.amount)) return base.minus(promised.amount).times(promised.overageFactor).plus(promised.amount);
    return promised.trueUp ? Exact.max(owed, base) : base;
  };
  // Of a period that was cut, the true-up is for the seconds that were lived.
  const cut = (amount: string | undefined) =>
    lived === null
      ? new Exact(amount ?? 0)
      : new Exact(amount ?? 0).times(lived.numeratorSeconds).div(lived.denominatorSeconds).toDecimalPlaces(16);
  if (windows === null) return charged(whole, line, cut(line?.amount));
  const partOf = (bucketId: string | null): StoredPart =>
    timeBuckets.find((bucket) => bucket.id === bucketId) ?? { price, commitment: line };
  const used = windows.map(({ bucketId, isElapsed, quantities }) => {
    const part = partOf(bucketId);
    return charged(
      quantities.reduce((total, quantity) => total.plus(costOf(part.price, new Exact(quantity))), new Exact(0)),
      part.commitment && { ...part.commitment, trueUp: part.commitment.trueUp && isElapsed },
    );
  });
  const empty = emptyWindows.map(({ bucketId, count }) => charged(new Exact(0), partOf(bucketId).commitment).times(count));
  return Exact.max(
    [...used, ...empty].reduce((total, charge) => total.plus(charge), new Exact(0)),
    0,
  );
}

function costOf({ billingModel, amount, tierMode, tiers, transformQuantity }: StoredCalculation['price'], quantity: Decimal): Decimal {
  if (quantity.isZero() || (quantity.isNegative() && billingModel !== 'FLAT_FEE')) return new Exact(0);
  if (billingModel === 'FLAT_FEE') return quantity.times(amount ?? Number.NaN);
  if (billingModel === 'PACKAGE') {
    const parts = quantity.div(transformQuantity?.divideBy ?? Number.NaN);
    return (transformQuantity?.round === 'down' ? parts.floor() : parts.ceil()).times(amount ?? Number.NaN);
  }
  const walked = [...(tiers ?? [])].sort((a, b) => Number(a.upTo ?? Infinity) - Number(b.upTo ?? Infinity));
  let total = new Exact(0);
  let floor = new Exact(0);
  for (const { upTo, unitAmount, flatAmount } of walked) {
    const isLast = upTo === null || quantity.lte(upTo);
    if (tierMode === 'SLAB') total = total.plus((isLast ? quantity : new Exact(upTo)).minus(floor).times(unitAmount)).plus(flatAmount ?? 0);
    else if (isLast) total = quantity.times(unitAmount).plus(flatAmount ?? 0);
    if (isLast) return total;
    floor = new Exact(upTo);
  }
  throw new Error('no tier covers the quantity');
}
