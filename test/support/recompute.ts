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
  readonly entitlement: { readonly limit: string | null; readonly rule: 'whole_period' | 'each_window' | 'since_start' } | null;
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
  readonly windows: readonly { readonly bucketId: string | null; readonly quantities: readonly string[] }[] | null;
  readonly emptyWindows: readonly { readonly bucketId: string | null; readonly count: number }[];
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
    const readings = usage.readings.map(({ value }) => new Exact(value));
    const over = (value: Decimal | undefined) =>
      entitlement === null
        ? positive(new Exact(value ?? 0))
        : entitlement.limit === null
          ? new Exact(0)
          : positive(new Exact(value ?? 0).minus(entitlement.limit));
    const billable =
      entitlement?.rule === 'each_window'
        ? readings.reduce((total, value) => total.plus(over(value)), new Exact(0))
        : entitlement?.rule === 'since_start'
          ? positive(over(readings[1]).minus(over(readings[0])))
          : over(readings[0]);
    exact = cost(billable);
  }
  if (commitment !== null) exact = withCommitment(commitment, price, exact);
  if (proration !== null) exact = exact.times(proration.numeratorSeconds).div(proration.denominatorSeconds).toDecimalPlaces(16);
  return exact.toDecimalPlaces(rounding.digits).toFixed();
}

/** Table of metering.md 7: once for what the whole costs, or for each window. */
function withCommitment(
  { line, timeBuckets, windows, emptyWindows }: StoredCommitment,
  price: StoredCalculation['price'],
  whole: Decimal,
): Decimal {
  const charged = (base: Decimal, promised: StoredPart['commitment']) => {
    if (promised === null) return base;
    if (base.gt(promised.amount)) return base.minus(promised.amount).times(promised.overageFactor).plus(promised.amount);
    return promised.trueUp ? new Exact(promised.amount) : base;
  };
  if (windows === null) return charged(whole, line);
  const partOf = (bucketId: string | null): StoredPart =>
    timeBuckets.find((bucket) => bucket.id === bucketId) ?? { price, commitment: line };
  const used = windows.map(({ bucketId, quantities }) => {
    const part = partOf(bucketId);
    return charged(
      quantities.reduce((total, quantity) => total.plus(costOf(part.price, new Exact(quantity))), new Exact(0)),
      part.commitment,
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
