import { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { EventCopy, LedgerPlace, PackAccount, RejectedEvent } from '../domain/ledger.ts';
import { identityHash } from '../domain/identity.ts';
import { storedTime } from './registry.ts';
import { Bindings, instant, tenantCondition } from '#platform/clickhouse/sql.ts';
import type { Dropped, Poison } from './unpack.ts';
import { ofTenant } from '#platform/clickhouse/tenant.ts';

const PACK_COLUMNS = [
  'tenant_id',
  'environment_id',
  'ingested_at',
  'topic',
  'partition',
  'offset',
  'accepted',
  'stored',
  'duplicates',
  'rejected',
] as const;
const REJECTION_COLUMNS = [
  'id_hash',
  'tenant_id',
  'environment_id',
  'id',
  'topic',
  'partition',
  'offset',
  'line',
  'reason',
  'detail',
  'ingested_at',
] as const;
/** Copies of one event that an answer shows. */
const MAX_COPIES = 100;
const MAX_DETAIL = 500;

export interface Counts {
  readonly accepted: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
}
export interface LogPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}
/** Half-open range of acceptance. */
export interface AcceptanceRange {
  readonly start: DateTime;
  readonly end: DateTime;
}

interface PlaceRow {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly line: number;
  readonly accepted: string;
}

export type EventLedger = ReturnType<typeof createEventLedger>;

/** What became of every accepted event. Throws `service_unavailable` when ClickHouse does not answer. */
export function createEventLedger(clickhouse: ClickHouse) {
  const placesOf = <Row extends PlaceRow>(ctx: RequestContext, table: string, columns: string, id: string): Promise<Row[]> => {
    const bindings = new Bindings();
    return ofTenant(clickhouse, ctx).query<Row>(
      `SELECT topic, partition, offset, line, toUnixTimestamp64Milli(ingested_at) AS accepted, ${columns} FROM ${table} FINAL
       WHERE id_hash = ${bindings.bind('UInt64', identityHash({ ...ctx, id }))} AND ${tenantCondition(bindings, ctx)} AND id = ${bindings.bind('String', id)}
       ORDER BY ingested_at, topic, partition, offset, line LIMIT ${MAX_COPIES}`,
      bindings.parameters,
    );
  };

  return {
    /** Accounts for a batch. Written again they replace themselves. What does not say whose it is nobody can ask about. */
    async record(
      packs: readonly PackAccount[],
      refused: readonly (Poison | Dropped)[],
      { topic, partition }: { readonly topic: string; readonly partition: number },
      token: string,
    ): Promise<void> {
      const rejected = refused.flatMap(({ origin, id, message, line, reason, detail }) =>
        origin === null
          ? []
          : [
              [
                identityHash({ ...origin, id: id ?? '' }),
                origin.tenantId,
                origin.environmentId,
                id ?? '',
                topic,
                partition,
                message.offset.toString(),
                line ?? -1,
                reason,
                detail.slice(0, MAX_DETAIL),
                storedTime(origin.ingestedAt),
              ],
            ],
      );
      await Promise.all([
        packs.length === 0
          ? undefined
          : clickhouse.insert({
              table: 'event_packs',
              columns: PACK_COLUMNS,
              token,
              rows: packs.map((pack) => [
                pack.tenantId,
                pack.environmentId,
                storedTime(pack.ingestedAt),
                pack.topic,
                pack.partition,
                pack.offset.toString(),
                pack.accepted,
                pack.stored,
                pack.duplicates,
                pack.rejected,
              ]),
            }),
        rejected.length === 0
          ? undefined
          : clickhouse.insert({ table: 'event_rejections', columns: REJECTION_COLUMNS, token, rows: rejected }),
      ]);
    },

    /** Copies of an event that did not count, the earliest accepted first. */
    async copies(ctx: RequestContext, id: string): Promise<EventCopy[]> {
      const rows = await placesOf<PlaceRow & { external_customer_id: string; event_name: string; millis: string }>(
        ctx,
        'event_duplicates',
        'external_customer_id, event_name, toUnixTimestamp64Milli(timestamp) AS millis',
        id,
      );
      return rows.map((row) => ({
        ...placeOf(row),
        externalCustomerId: row.external_customer_id,
        eventName: row.event_name,
        timestamp: time(row.millis),
      }));
    },

    /** Why events under this id could not be stored, the earliest accepted first. */
    async rejections(ctx: RequestContext, id: string): Promise<RejectedEvent[]> {
      const rows = await placesOf<PlaceRow & { reason: string; detail: string }>(ctx, 'event_rejections', 'reason, detail', id);
      return rows.map((row) => ({ ...placeOf(row), reason: row.reason, detail: row.detail }));
    },

    /** What became of all that was accepted in a range, without what stands at or beyond these places: it counts as not consumed yet. */
    async counts(ctx: RequestContext, { start, end }: AcceptanceRange, consumedUpTo: readonly LogPlace[]): Promise<Counts> {
      const bindings = new Bindings();
      const beyond = consumedUpTo
        .map(
          ({ topic, partition, offset }) =>
            ` AND NOT (topic = ${bindings.bind('String', topic)} AND partition = ${bindings.bind('UInt32', partition)} AND offset >= ${bindings.bind('UInt64', offset.toString())})`,
        )
        .join('');
      const [row] = await ofTenant(clickhouse, ctx).query<Record<keyof Counts, string>>(
        `SELECT sum(accepted) AS accepted, sum(stored) AS stored, sum(duplicates) AS duplicates, sum(rejected) AS rejected FROM event_packs FINAL
         WHERE ${tenantCondition(bindings, ctx)} AND ingested_at >= ${instant(bindings, start.toMillis())} AND ingested_at < ${instant(bindings, end.toMillis())}${beyond}`,
        bindings.parameters,
      );
      return {
        accepted: Number(row?.accepted ?? 0),
        stored: Number(row?.stored ?? 0),
        duplicates: Number(row?.duplicates ?? 0),
        rejected: Number(row?.rejected ?? 0),
      };
    },

    /** Stored events by the window in which they were accepted, oldest first; windows without any are left out. `windowOf` is the SQL of a window's start. */
    async storedByWindow(
      ctx: RequestContext,
      { start, end }: AcceptanceRange,
      windowOf: (bindings: Bindings) => string,
    ): Promise<{ start: DateTime; events: number }[]> {
      const bindings = new Bindings();
      const rows = await ofTenant(clickhouse, ctx).query<{ w: string; events: string }>(
        `SELECT toInt64(${windowOf(bindings)}) AS w, sum(stored) AS events FROM event_packs FINAL
         WHERE ${tenantCondition(bindings, ctx)} AND ingested_at >= ${instant(bindings, start.toMillis())} AND ingested_at < ${instant(bindings, end.toMillis())}
         GROUP BY w HAVING events > 0 ORDER BY w`,
        bindings.parameters,
      );
      return rows.map(({ w, events }) => ({ start: time(w), events: Number(events) }));
    },
  };
}

function placeOf({ topic, partition, offset, line, accepted }: PlaceRow): LedgerPlace {
  return { topic, partition, offset, line, acceptedAt: time(accepted) };
}

function time(millis: string): DateTime {
  return DateTime.fromMillis(Number(millis), { zone: 'utc' });
}
