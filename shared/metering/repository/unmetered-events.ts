import type { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { StoredEvent } from '#ingestion/domain/event.ts';
import type { Meter } from '../domain/meter.ts';
import type { StoredSummary } from '#kernel/stored-summary.ts';
import { COLUMNS, type EventRow, eventOf } from './events.ts';
import { Bindings, FINAL_SETTINGS, instant, tenantCondition } from '#platform/clickhouse/sql.ts';
import { filterConditions } from './property-sql.ts';
import { ofTenant } from '#platform/clickhouse/tenant.ts';

/** A place in the log behind which a reading goes on. */
export interface EventPosition {
  readonly offset: string;
  readonly line: number;
}
export interface UnmeteredEvent extends EventPosition {
  readonly event: StoredEvent;
}

/** Events of a summary: of these names and customers, and those that none of the meters takes. */
export interface UnmeteredSelection {
  readonly eventNames: readonly string[];
  readonly externalCustomerIds: readonly string[];
  readonly meters: readonly Pick<Meter, 'filters' | 'disabledAt'>[];
}

/** Reads of stored events that no meter took. Throws `service_unavailable` when ClickHouse does not answer. */
export function createUnmeteredEventRepository(clickhouse: ClickHouse) {
  const read = async (ctx: RequestContext, bindings: Bindings, where: readonly string[], end: string): Promise<UnmeteredEvent[]> => {
    const rows = await ofTenant(clickhouse, ctx).query<EventRow & EventPosition>(
      `SELECT ${COLUMNS}, offset, line FROM events FINAL WHERE ${where.join(' AND ')} ${end}`,
      bindings.parameters,
      FINAL_SETTINGS,
    );
    return rows.map((row) => ({ event: eventOf(row), offset: row.offset, line: row.line }));
  };

  return {
    /** The first such event of each name. */
    examples(ctx: RequestContext, summary: StoredSummary, selection: UnmeteredSelection): Promise<UnmeteredEvent[]> {
      const bindings = new Bindings();
      return read(ctx, bindings, conditions(bindings, ctx, summary, selection), 'ORDER BY event_name, offset, line LIMIT 1 BY event_name');
    },

    /** All of them, a page at a time, in the order of the log. */
    page(
      ctx: RequestContext,
      summary: StoredSummary,
      selection: UnmeteredSelection,
      after: EventPosition | null,
      size: number,
    ): Promise<UnmeteredEvent[]> {
      const bindings = new Bindings();
      const where = conditions(bindings, ctx, summary, selection);
      if (after !== null) where.push(`(offset, line) > (${bindings.bind('UInt64', after.offset)}, ${bindings.bind('UInt32', after.line)})`);
      return read(ctx, bindings, where, `ORDER BY offset, line LIMIT ${bindings.bind('UInt32', size)}`);
    },
  };
}

/** By the key of the table first: customers, names and times bound what is read to what the summary speaks of, however long history is. */
function conditions(
  bindings: Bindings,
  ctx: RequestContext,
  { stretch, times }: StoredSummary,
  { eventNames, externalCustomerIds, meters }: UnmeteredSelection,
): string[] {
  const taken = meters.map(({ filters, disabledAt }) =>
    ['1', ...filterConditions(bindings, filters), ...(disabledAt === null ? [] : [before(bindings, disabledAt)])].join(' AND '),
  );
  return [
    tenantCondition(bindings, ctx),
    `external_customer_id IN ${bindings.bind('Array(String)', externalCustomerIds)}`,
    `event_name IN ${bindings.bind('Array(String)', eventNames)}`,
    ...(times === null ? [] : [`timestamp >= ${instant(bindings, times.from)}`, `timestamp <= ${instant(bindings, times.until)}`]),
    ...(stretch === null
      ? []
      : [
          `topic = ${bindings.bind('String', stretch.topic)}`,
          `partition = ${bindings.bind('UInt32', stretch.partition)}`,
          `offset >= ${bindings.bind('UInt64', stretch.first.toString())}`,
          `offset <= ${bindings.bind('UInt64', stretch.last.toString())}`,
        ]),
    ...(taken.length === 0 ? [] : [`NOT (${taken.map((each) => `(${each})`).join(' OR ')})`]),
  ];
}

function before(bindings: Bindings, time: DateTime): string {
  return `timestamp < ${instant(bindings, time.toMillis())}`;
}
