import { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { LoggedEvent } from '../domain/event.ts';
import type { ReprocessPosition, ReprocessSelection } from '../domain/reprocess.ts';
import { Bindings, FINAL_SETTINGS, instant, tenantCondition } from '#platform/clickhouse/sql.ts';
import { ofTenant } from '#platform/clickhouse/tenant.ts';

interface Row {
  readonly id: string;
  readonly external_customer_id: string;
  readonly customer_id: string;
  readonly event_name: string;
  readonly source: string;
  readonly properties: string;
  readonly millis: string;
  readonly ingested: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly line: number;
}

/** Of a page only what a summary says is read: properties, by far the largest part, are left out. */
const COLUMNS = `id, external_customer_id, customer_id, event_name, source, '' AS properties, toUnixTimestamp64Milli(timestamp) AS millis, toUnixTimestamp64Milli(ingested_at) AS ingested,
  topic, partition, offset, line`;
const KEY = 'external_customer_id, event_name, timestamp, id';

/** Stored events page by page. Throws `service_unavailable` when ClickHouse does not answer. */
export function createStoredPages(clickhouse: ClickHouse) {
  return {
    /**
     * The next events behind a position, in the order of the table's key: read by key and not by offset, so each comes once, whatever
     * is stored meanwhile (metering.md Q7). Their properties are left out.
     */
    async page(ctx: RequestContext, selection: ReprocessSelection, after: ReprocessPosition | null, size: number): Promise<LoggedEvent[]> {
      const bindings = new Bindings();
      const where = conditions(bindings, ctx, selection);
      if (after !== null) {
        where.push(
          `(${KEY}) > (${bindings.bind('String', after.externalCustomerId)}, ${bindings.bind('String', after.eventName)}, ${instant(bindings, after.timestamp)}, ${bindings.bind('String', after.id)})`,
        );
        // Says no more than the line above, in the form that the primary index understands.
        where.push(`external_customer_id >= ${bindings.bind('String', after.externalCustomerId)}`);
      }
      const rows = await ofTenant(clickhouse, ctx).query<Row>(
        `SELECT ${COLUMNS} FROM events FINAL WHERE ${where.join(' AND ')} ORDER BY ${KEY} LIMIT ${bindings.bind('UInt32', size)}`,
        bindings.parameters,
        FINAL_SETTINGS,
      );
      return rows.map((row) => eventOf(ctx, row));
    },

    async count(ctx: RequestContext, selection: ReprocessSelection): Promise<number> {
      const bindings = new Bindings();
      const [row] = await ofTenant(clickhouse, ctx).query<{ total: string }>(
        `SELECT count() AS total FROM events FINAL WHERE ${conditions(bindings, ctx, selection).join(' AND ')}`,
        bindings.parameters,
        FINAL_SETTINGS,
      );
      return Number(row?.total ?? 0);
    },
  };
}

function conditions(bindings: Bindings, ctx: RequestContext, selection: ReprocessSelection): string[] {
  const oneOf = (column: string, values: readonly string[]): string[] =>
    values.length === 0 ? [] : [`${column} IN ${bindings.bind('Array(String)', values)}`];
  const at = (time: string): string => instant(bindings, DateTime.fromISO(time).toMillis());
  return [
    tenantCondition(bindings, ctx),
    `timestamp >= ${at(selection.startDate)}`,
    `timestamp < ${at(selection.endDate)}`,
    `ingested_at <= ${at(selection.ingestedUntil)}`,
    ...oneOf('external_customer_id', selection.externalCustomerIds),
    ...oneOf('event_name', selection.eventNames),
    ...oneOf('id', selection.eventIds),
  ];
}

function eventOf({ tenantId, environmentId }: RequestContext, row: Row): LoggedEvent {
  return {
    tenantId,
    environmentId,
    id: row.id,
    eventName: row.event_name,
    externalCustomerId: row.external_customer_id,
    customerId: row.customer_id,
    source: row.source,
    timestamp: Number(row.millis),
    ingestedAt: Number(row.ingested),
    properties: row.properties,
    position: { topic: row.topic, partition: row.partition, offset: BigInt(row.offset), line: row.line },
  };
}
