import type { DateTime } from 'luxon';
import type { UsageFigure, UsageQuery } from './usage.ts';

/** What usage is told apart by: where events came from, or a first-level property. */
export type GroupKey = { readonly kind: 'source' } | { readonly kind: 'property'; readonly key: string };

/** A usage question that is answered per group. Two keys never meet, whatever they are called (metering.md Q2). */
export interface GroupedQuery {
  readonly query: UsageQuery;
  /** None: one group, of everything. */
  readonly keys: readonly GroupKey[];
  /** Also the figure of each of the meter's buckets, and of each group of a meter that groups, because each is priced on its own. */
  readonly buckets: boolean;
}

export interface TimedFigure extends UsageFigure { readonly windowStart: DateTime }

export interface UsageGroup extends UsageFigure {
  /** One per key: the group's text; null where events lack the property. An empty text is a group of its own (Q3). */
  readonly values: readonly (string | null)[];
  /** Labels of where its events came from, sorted, without the empty one; the first MAX_SOURCES of them. */
  readonly sources: readonly string[];
  /** In the order of time; empty unless windows were asked for. The total is never their sum (N12). */
  readonly points: readonly TimedFigure[];
  readonly buckets: readonly TimedFigure[];
}

export interface GroupedUsage {
  /** Sorted by their values; those with most events, where there are more than MAX_GROUPS. */
  readonly groups: readonly UsageGroup[];
  /** How many there are. */
  readonly groupCount: number;
}

/** Groups that an answer holds per question; more are counted, not shown (Q1). */
export const MAX_GROUPS = 1000;
export const MAX_SOURCES = 100;
