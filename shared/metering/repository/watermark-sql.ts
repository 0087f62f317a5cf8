import { DateTime } from 'luxon';
import { earlier } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { type Bindings, tenantCondition } from '#platform/clickhouse/sql.ts';
import type { UsageRow } from './usage-sql.ts';

/** What of a row says a watermark. */
export type Mark = Pick<UsageRow, 'group_text' | 'amount' | 'events'>;

/** Whom a question is about; null: whoever there is. */
type Customers = readonly string[] | null;

/**
 * The watermarks of some questions, as further questions of the same statement: when the newest stored event of each customer was accepted.
 * A customer's numbers are complete up to then, because its events are in one partition and are stored in their order. One branch serves
 * all questions about customers, however many those are, and one those about everybody: when the newest event of all was accepted.
 * All branches of a statement see the same rows (SAME_ROWS), so the numbers hold just what the watermark promises.
 * `first` is the number of the first of them; answers are read by `watermarkOf`.
 */
export function watermarkSql(bindings: Bindings, ctx: RequestContext, questions: readonly Customers[], first: number): string[] {
  const branch = (
    question: number,
    customers: Customers,
  ): string => `SELECT toUInt32(${question}) AS question, toUInt8(0) AS total, toUInt8(0) AS windowed, toInt64(0) AS window_start,
toUInt8(${customers ? 1 : 0}) AS grouped, ${customers ? 'external_customer_id' : 'NULL'}::Nullable(String) AS group_text, toString(toUnixTimestamp64Milli(max(ingested_at)))::Nullable(String) AS amount, count() AS events
FROM events WHERE ${tenantCondition(bindings, ctx)}${customers ? ` AND external_customer_id IN ${bindings.bind('Array(String)', customers)} GROUP BY external_customer_id` : ''}`;
  const named = [...new Set(questions.flatMap((customers) => customers ?? []))];
  return [...(named.length === 0 ? [] : [branch(first, named)]), ...(questions.includes(null) ? [branch(first + 1, null)] : [])];
}

/**
 * The watermark of a question, from the rows of its statement; null when its customers have no events. Several customers' numbers are
 * complete up to the earliest of theirs: another may still have later events on the way. Those without events are left out.
 */
export function watermarkOf(customers: Customers, rows: ReadonlyMap<number, readonly Mark[]>, first: number): DateTime | null {
  const own =
    customers === null
      ? rows.get(first + 1)
      : rows.get(first)?.filter(({ group_text }) => group_text !== null && customers.includes(group_text));
  const marks = (own ?? [])
    .filter(({ events }) => events !== '0')
    .map(({ amount }): DateTime => DateTime.fromMillis(Number(amount), { zone: 'utc' }));
  return marks.length === 0 ? null : marks.reduce(earlier);
}
