import type { RequestContext } from '#kernel/context.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { Properties } from '#ingestion/domain/properties.ts';
import type { UsageQuery } from '../domain/usage.ts';
import { Bindings, FINAL_SETTINGS } from '#platform/clickhouse/sql.ts';
import { conditions, isNumeric, valueColumns } from './usage-sql.ts';
import { ofTenant } from '#platform/clickhouse/tenant.ts';

/** How the events that a question is about fared, and the newest of those that it could not use. */
export interface Refusals {
  /** Events of the name and the range that the filters let through, whatever they are worth. */
  readonly matched: number;
  readonly refused: number;
  readonly samples: readonly { readonly id: string; readonly properties: Properties }[];
}

/** Events of a question that have a value which is no number, or of which an expression has none (N5). Throws `service_unavailable` when ClickHouse does not answer. */
export async function readRefusals(clickhouse: ClickHouse, ctx: RequestContext, query: UsageQuery, samples: number): Promise<Refusals> {
  const counting = new Bindings();
  const counted = ofTenant(clickhouse, ctx).query<{ matched: string; refused: string }>(
    `SELECT count() AS matched, countIf(refused) AS refused FROM (SELECT ${refusedColumns(counting, query)} FROM events FINAL WHERE ${conditions(counting, ctx, query).join(' AND ')})`,
    counting.parameters,
    FINAL_SETTINGS,
  );
  const listing = new Bindings();
  const listed = isNumeric(query)
    ? ofTenant(clickhouse, ctx).query<{ id: string; properties: string }>(
        `SELECT id, properties FROM (SELECT id, timestamp, properties, ${refusedColumns(listing, query)} FROM events FINAL WHERE ${conditions(listing, ctx, query).join(' AND ')})
     WHERE refused ORDER BY timestamp DESC, id DESC LIMIT ${listing.bind('UInt32', samples)}`,
        listing.parameters,
        FINAL_SETTINGS,
      )
    : [];
  const [[row], rows] = await Promise.all([counted, listed]);
  return {
    matched: Number(row?.matched ?? 0),
    refused: Number(row?.refused ?? 0),
    samples: rows.map(({ id, properties }) => ({ id, properties: JSON.parse(properties) as Properties })),
  };
}

/** A missing field takes nothing and is not refused; an expression has a value without it. */
function refusedColumns(bindings: Bindings, query: UsageQuery): string {
  if (!isNumeric(query)) return '0 AS refused';
  const isThere = query.expression === null ? `JSONHas(properties, ${bindings.bind('String', query.field ?? '')}) AND ` : '';
  return `${valueColumns(bindings, query).join(', ')}, ${isThere}isNull(quantity) AS refused`;
}
