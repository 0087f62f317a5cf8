import type { DateTime } from 'luxon';
import type { UsageFigure, UsageQuery } from './usage.ts';

/**
 * What usage is told apart by: where events came from, a first-level property, whose they are (the external id), or in which of some
 * spans of time they lie (milliseconds since 1970, half-open; an event may lie in several). The value of a span is its number in the list.
 */
export type GroupKey =
  | { readonly kind: 'source' }
  | { readonly kind: 'property'; readonly key: string }
  | { readonly kind: 'customer' }
  | { readonly kind: 'span'; readonly spans: readonly (readonly [start: number, end: number])[] };

/** A usage question that is answered per group. Two keys never meet, whatever they are called (metering.md Q2). */
export interface GroupedQuery {
  readonly query: UsageQuery;
  /** None: one group, of everything. */
  readonly keys: readonly GroupKey[];
  /** Also the figure of each of the meter's buckets, and of each group of a meter that groups, because each is priced on its own. */
  readonly buckets: boolean;
}

export interface TimedFigure extends UsageFigure {
  readonly windowStart: DateTime;
}

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
  /** Sorted by their values; the asked part of them, those with most events first, where there are more. */
  readonly groups: readonly UsageGroup[];
  /** How many there are. */
  readonly groupCount: number;
}

/** Groups that an answer holds per question; more are counted, not shown (Q1). */
export const MAX_GROUPS = 1000;
export const MAX_SOURCES = 100;
/** Figures of one statement: what a process can hold and a client can read. */
export const MAX_FIGURES = 200_000;

/** How much an answer may be, and what a caller is told for whom it is more. */
export interface AnswerBounds {
  /** Groups per question, from the one with most events on, after so many others. */
  readonly groups: number;
  readonly groupsBefore: number;
  readonly field: string;
  readonly advice: string;
}
export const FOR_PEOPLE: AnswerBounds = {
  groups: MAX_GROUPS,
  groupsBefore: 0,
  field: 'window_size',
  advice: 'choose longer windows, a shorter range, or fewer groups',
};
/** Every customer counts, or none: sums over customers must be whole. */
export const OVER_CUSTOMERS: AnswerBounds = {
  groups: MAX_FIGURES,
  groupsBefore: 0,
  field: 'external_customer_id',
  advice: 'name a customer, or choose a shorter range',
};
