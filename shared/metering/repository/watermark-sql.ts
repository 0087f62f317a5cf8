import { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import type { UsageQuery } from '../domain/usage.ts';
import { type Bindings, tenantCondition } from './sql.ts';
import type { UsageRow } from './usage-sql.ts';

type Customers = Pick<UsageQuery, 'externalCustomerIds'>;

/**
 * The watermarks of some questions, as further questions of the same statement: when the newest stored event of the customers was accepted.
 * For one customer the numbers are complete up to then, because its events are in one partition and are stored in their order; of several,
 * another may still have earlier events on the way. One branch serves all questions about a single customer, however many those are, and one
 * every other set. All branches of a statement see the same rows (SAME_ROWS), so the numbers hold just what the watermark promises.
 * `first` is the number of the first of them; answers are read by `watermarkOf`.
 */
export function watermarkSql(bindings: Bindings, ctx: RequestContext, questions: readonly Customers[], first: number): string[] {
  const branch = (question: number, customers: readonly string[] | null, each: boolean): string => `SELECT toUInt32(${question}) AS question, toUInt8(0) AS total, toUInt8(0) AS windowed, toInt64(0) AS window_start,
toUInt8(${each ? 1 : 0}) AS grouped, ${each ? 'external_customer_id' : 'NULL'}::Nullable(String) AS group_text, toString(toUnixTimestamp64Milli(max(ingested_at)))::Nullable(String) AS amount, count() AS events
FROM events WHERE ${tenantCondition(bindings, ctx)}${customers === null ? '' : ` AND external_customer_id IN ${bindings.bind('Array(String)', customers)}`}${each ? ' GROUP BY external_customer_id' : ''}`;
  const single = [...new Set(questions.map(singleOf).filter((id) => id !== null))];
  return [
    ...(single.length === 0 ? [] : [branch(first, single, true)]),
    ...setsOf(questions).map((customers, at) => branch(first + 1 + at, customers, false)),
  ];
}

/** The watermark of one of the questions, from the rows of its statement; null when its customers have no events. */
export function watermarkOf(question: Customers, questions: readonly Customers[], rows: ReadonlyMap<number, readonly UsageRow[]>, first: number): DateTime | null {
  const customer = singleOf(question);
  const row = customer !== null
    ? rows.get(first)?.find(({ group_text }) => group_text === customer)
    : rows.get(first + 1 + setsOf(questions).findIndex((customers) => keyOf(customers) === keyOf(question.externalCustomerIds)))?.[0];
  return row === undefined || row.events === '0' ? null : DateTime.fromMillis(Number(row.amount), { zone: 'utc' });
}

function singleOf({ externalCustomerIds }: Customers): string | null {
  return externalCustomerIds?.length === 1 ? (externalCustomerIds[0] as string) : null;
}

/** The different sets that are not one customer. */
function setsOf(questions: readonly Customers[]): (readonly string[] | null)[] {
  const others = questions.filter((question) => singleOf(question) === null).map(({ externalCustomerIds }) => externalCustomerIds);
  return [...new Map(others.map((customers) => [keyOf(customers), customers])).values()];
}

function keyOf(customers: readonly string[] | null): string {
  return JSON.stringify(customers);
}
