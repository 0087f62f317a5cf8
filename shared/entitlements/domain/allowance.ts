import { DateTime } from 'luxon';
import { earlier, type Period } from '#kernel/calendar/period.ts';
import { type Decimal, max, sum, ZERO } from '#kernel/decimal.ts';
import { periodFrom } from '#subscriptions/domain/periods.ts';
import { type AllowanceRhythm, type AllowanceWindow, allowanceWindow, billingPeriodAt } from './allowance-window.ts';
import { countsIn, type Entitlement } from '#catalog/domain/entitlement.ts';
import { type AggregatedEntitlement, type EntitlementTerms, mergeEntitlements } from './merge.ts';
import { type InForce, isInForce } from './versions.ts';

const MAX_TIME = DateTime.fromMillis(8.64e15, { zone: 'utc' });

/** What allowances look at in an entitlement. */
export type AllowanceSource = EntitlementTerms &
  Pick<Entitlement, 'startDate' | 'endDate'> & {
    /** When these terms were in force; absent: they are those of now. */
    readonly inForce?: InForce;
  };

/** What is allowed at a moment: how much (null: without a limit), of the usage of which window. */
export interface AllowanceNow<Source extends AllowanceSource = AllowanceSource> {
  readonly entitlement: AggregatedEntitlement<Source> | null;
  /** Nothing without an enabled entitlement. */
  readonly limit: Decimal | null;
  readonly window: AllowanceWindow;
}

/**
 * What one subscription allows of a feature at a moment. The only answer to "how much is free, and of what time": limit check, usage
 * summary, preview, invoice and analytics take it from here. `sources` are all of the subscription's entitlements to the feature, in all
 * their versions where the moment may be past.
 */
export function allowanceAt<Source extends AllowanceSource>(
  sources: readonly Source[],
  rhythm: AllowanceRhythm,
  at: DateTime,
  billingPeriod: Period = billingPeriodAt(rhythm.subscription, at, rhythm.line),
): AllowanceNow<Source> {
  const [entitlement = null] = mergeEntitlements(sources.filter((source) => countsIn(source, billingPeriod) && isInForce(source, at)));
  const enabled = entitlement?.sources.filter((source) => source.isEnabled) ?? [];
  const giving = enabled.length > 0 ? enabled : (entitlement?.sources ?? []);
  return {
    entitlement,
    limit: entitlement?.isEnabled ? entitlement.usageLimit : ZERO,
    window: allowanceWindow(rhythm, entitlement?.usageResetPeriod ?? null, at, startOf(giving), billingPeriod),
  };
}

/** A lifetime allowance counts from when the first of its sources began; an open start is the subscription's. */
export function startOf(sources: readonly Pick<Entitlement, 'startDate'>[]): DateTime | null {
  const starts = sources.map(({ startDate }) => startDate).filter((start) => start !== null);
  return starts.length === 0 || starts.length < sources.length ? null : starts.reduce(earlier);
}

/** A part of a time that is billed, in which one limit of one window is in force. */
export interface AllowancePiece<Source extends AllowanceSource = AllowanceSource> {
  readonly span: Period;
  /** Where the window began whose usage the limit is about: at or before the span. */
  readonly since: DateTime;
  /** Null: without a limit. Nothing where nothing is allowed. */
  readonly limit: Decimal | null;
  readonly entitlement: AggregatedEntitlement<Source> | null;
}

/** A time that is billed, cut wherever a window begins anew or another limit comes into force. Oldest first, without gaps. */
export function allowancePieces<Source extends AllowanceSource>(
  sources: readonly Source[],
  rhythm: AllowanceRhythm,
  span: Period,
): AllowancePiece<Source>[] {
  if (sources.length === 0) return [{ span, since: span.start, limit: ZERO, entitlement: null }];
  const pieces: AllowancePiece<Source>[] = [];
  const changes = sources.flatMap(({ inForce }) => [inForce?.from, inForce?.until].filter((time) => time != null));
  let billing = billingPeriodAt(rhythm.subscription, span.start, rhythm.line);
  for (let start = span.start; start < span.end; start = (pieces.at(-1) as AllowancePiece).span.end) {
    if (start >= billing.end) billing = periodAfter(billing, rhythm, start);
    const { entitlement, limit, window } = allowanceAt(sources, rhythm, start, billing);
    const { period } = window;
    // Before a lifetime allowance begins, nothing is counted yet.
    const isCounted = period.start <= start;
    const ends = [span.end, isCounted ? period.end : period.start, billing.end, ...changes].filter((end) => end > start);
    pieces.push({
      span: { start, end: ends.reduce(earlier) },
      since: isCounted ? period.start : start,
      limit: isCounted ? limit : null,
      entitlement,
    });
  }
  return pieces;
}

/** One after the other, so that a long range is not walked anew for each of its periods. Nothing follows the last one. */
function periodAfter({ end }: Period, { subscription, line }: AllowanceRhythm, at: DateTime): Period {
  const next = line === null ? periodFrom(subscription, end) : billingPeriodAt(subscription, at, line);
  return next.end > at ? next : { start: at, end: MAX_TIME };
}

/** How usage is held against the limit of a piece. */
export type AllowanceRule =
  /** Usage of the window so far: what is over at the end of the piece less what was over at its start. */
  | 'window_so_far'
  /** Usage of the piece alone, for aggregations that cannot be subtracted from each other. */
  | 'constant';

/** Usage of a piece: of its window up to its start and up to its end or, for a `constant` limit, of itself alone. */
export interface PieceUsage {
  readonly before: Decimal;
  readonly until: Decimal;
}

/** What of a piece is over its limit; negative where corrections take back what was over before. */
export function overLimit(limit: Decimal | null, { before, until }: PieceUsage): Decimal {
  return limit === null ? ZERO : over(until, limit).minus(over(before, limit));
}

/**
 * The part of the usage that is priced, never below 0 (billing.md 3.7, ruling 52). A constant limit in several pieces of one window is
 * one limit still: the piece that passes it most says by how much.
 */
export function billableQuantity(
  pieces: readonly (Pick<AllowancePiece, 'since' | 'limit'> & { readonly usage: PieceUsage })[],
  rule: AllowanceRule,
): Decimal {
  const overs = pieces.map(({ since, limit, usage }) => ({ since: since.toMillis(), over: overLimit(limit, usage) }));
  const counted =
    rule === 'window_so_far'
      ? overs.map((piece) => piece.over)
      : [...Map.groupBy(overs, ({ since }) => since).values()].map((own) => own.map((piece) => piece.over).reduce(max));
  return max(sum(counted), ZERO);
}

function over(usage: Decimal, limit: Decimal): Decimal {
  return max(usage.minus(limit), ZERO);
}
