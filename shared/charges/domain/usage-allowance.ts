import {
  type AllowancePiece,
  type AllowanceRule,
  allowancePieces,
  billableQuantity,
  overLimit,
  type PieceUsage,
} from '#entitlements/domain/allowance.ts';
import type { AggregatedEntitlement } from '#entitlements/domain/merge.ts';
import { clampPeriod, type Period } from '#kernel/calendar/period.ts';
import { type Decimal, max, sum, ZERO } from '#kernel/decimal.ts';
import { hasOwnPeriods } from '#subscriptions/domain/line-item.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import type { ShownRule, UsageReading } from './calculation.ts';
import type { BilledItem, EntitlementSource } from './inputs.ts';
import type { FreeUsage } from './windowed-commitment.ts';

/** Aggregations whose totals can be subtracted from each other (billing.md 3.7). */
const ADDITIVE: readonly string[] = ['COUNT', 'SUM', 'SUM_WITH_MULTIPLIER'];

/** A piece of a line's period with the ranges whose usage it needs, as indices; null: nothing lies before it in its window. */
export interface PlannedPiece extends AllowancePiece<EntitlementSource> {
  readonly before: number | null;
  readonly until: number;
  /** What lines of other prices have taken of the same allowance before. */
  readonly taken: readonly number[];
}

/** What a line's period needs to be held against its allowance. */
export interface AllowancePlan {
  readonly rule: AllowanceRule;
  readonly pieces: readonly PlannedPiece[];
  readonly ranges: readonly Period[];
  /** Whether anything is allowed in it at all. */
  readonly isEntitled: boolean;
}

/** A piece with what was used of it, for the explanation of a line. */
export interface CountedPiece extends AllowancePiece<EntitlementSource> {
  readonly usage: PieceUsage;
}

/**
 * What to read for the allowance of a line in `period`. All lines that bill one meter in a subscription share one allowance (rulings 52
 * and 54): versions of a price one after the other in time, and lines of different prices in the order of their start and id.
 */
export function allowancePlan(billed: BilledItem, period: Period, subscription: Subscription, items: readonly BilledItem[]): AllowancePlan {
  const { item, meter, entitlements } = billed;
  const isAdditive = ADDITIVE.includes(meter?.aggregation.type ?? '') && !(meter?.resetUsage === 'NEVER' && !isLifetime(entitlements));
  const rule: AllowanceRule = isAdditive ? 'window_so_far' : 'constant';
  const { billingPeriod } = item;
  const line = billingPeriod !== 'ONETIME' && hasOwnPeriods({ ...item, billingPeriod }, subscription) ? { ...item, billingPeriod } : null;
  const pieces = allowancePieces(entitlements, { subscription, line }, period);
  const isEntitled = pieces.some(({ entitlement }) => entitlement?.isEnabled);
  if (!isEntitled) return { rule, pieces: [], ranges: [period], isEntitled };
  const others = isAdditive ? items.filter((other) => isSibling(other, billed)) : [];
  const ranges: Period[] = [];
  const indexOf = (range: Period): number => ranges.push(range) - 1;
  const planned: PlannedPiece[] = [];
  for (const piece of pieces) {
    const { since, span } = piece;
    const last = planned.at(-1);
    const isContinued = last !== undefined && +last.since === +since;
    const before =
      rule === 'constant' || since >= span.start ? null : isContinued ? last.until : indexOf({ start: since, end: span.start });
    const until = indexOf(rule === 'constant' ? span : { start: since, end: span.end });
    const taken = others.flatMap((other) => {
      const range = clampPeriod(other.item, { start: since, end: comesFirst(other, billed) ? span.end : span.start });
      return range === null ? [] : [indexOf(range)];
    });
    planned.push({ ...piece, before, until, taken });
  }
  return { rule, pieces: planned, ranges, isEntitled };
}

/** The quantity that is priced, and what of the usage fell into which piece. `readings` answer the plan's ranges. */
export function applyAllowance(plan: AllowancePlan, readings: readonly UsageReading[]): { quantity: Decimal; pieces: CountedPiece[] } {
  if (readings.length !== plan.ranges.length) throw new RangeError(`expected ${plan.ranges.length} usage numbers, got ${readings.length}`);
  const valueAt = (index: number | null): Decimal => (index === null ? ZERO : (readings[index] as UsageReading).value);
  const pieces = plan.pieces.map(({ before, until, taken, ...piece }): CountedPiece => {
    const others = sum(taken.map(valueAt));
    return { ...piece, usage: { before: valueAt(before).plus(others), until: valueAt(until).plus(others) } };
  });
  return { quantity: billableQuantity(pieces, plan.rule), pieces };
}

/** What of the usage is free, by the pieces of a line's period; pieces that share a constant limit are one. */
export function freeUsage({ rule, pieces }: { readonly rule: AllowanceRule; readonly pieces: readonly CountedPiece[] }): FreeUsage[] {
  const groups = rule === 'constant' ? [...Map.groupBy(pieces, ({ since }) => since.toMillis()).values()] : pieces.map((piece) => [piece]);
  return groups.map((own) => ({
    span: { start: (own[0] as CountedPiece).span.start, end: (own.at(-1) as CountedPiece).span.end },
    quantity: sum(own.map(({ usage }) => usage.until.minus(usage.before))).minus(
      own.map(({ limit, usage }) => overLimit(limit, usage)).reduce(max),
    ),
  }));
}

/** The last entitlement of a line's period: what its terms are shown by. */
export function shownEntitlement(pieces: readonly CountedPiece[]): AggregatedEntitlement<EntitlementSource> | null {
  return pieces.findLast(({ entitlement }) => entitlement?.isEnabled)?.entitlement ?? null;
}

/** How the allowance was applied, in one word: `constant` for a limit that several pieces of one window share. */
export function shownRule(rule: AllowanceRule, pieces: readonly CountedPiece[]): ShownRule {
  if (rule === 'constant' && new Set(pieces.map(({ since }) => since.toMillis())).size < pieces.length) return 'constant';
  const isGoingOn = pieces.some(({ since, span, entitlement }) => since < span.start || entitlement?.usageResetPeriod === 'NEVER');
  if (rule === 'window_so_far' && isGoingOn) return 'since_start';
  return pieces.length > 1 ? 'each_window' : 'whole_period';
}

/** A meter that never resets answers all history to any range: only a lifetime allowance takes differences of that. */
function isLifetime(sources: readonly EntitlementSource[]): boolean {
  return sources.every(({ usageResetPeriod }) => usageResetPeriod === 'NEVER');
}

/** Another price for usage of the same meter: versions of one price, and overrides of them, are one. */
function isSibling(other: BilledItem, { item, price }: BilledItem): boolean {
  return other.price.type === 'USAGE' && other.item.meterId === item.meterId && lineage(other.price) !== lineage(price);
}

function lineage({ id, parentPriceId }: BilledItem['price']): string {
  return parentPriceId ?? id;
}

function comesFirst({ item: a }: BilledItem, { item: b }: BilledItem): boolean {
  return +a.startDate === +b.startDate ? a.id < b.id : a.startDate < b.startDate;
}
