import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { Duplicate } from '../domain/decide.ts';
import type { LoggedEvent, LogPosition } from '../domain/event.ts';
import { identityHash, identityKey } from '../domain/identity.ts';

/** Ids per look-up: large enough to be worth a round trip, small enough for the statement. */
const LOOKUP_SIZE = 20_000;
/** In a cluster a look-up must see every claim that was acknowledged, whichever replica answers. */
const CURRENT = { select_sequential_consistency: '1' } as const;
const COLUMNS = [
  'id_hash',
  'tenant_id',
  'environment_id',
  'id',
  'topic',
  'partition',
  'offset',
  'line',
  'external_customer_id',
  'event_name',
  'timestamp',
  'ingested_at',
] as const;
const DUPLICATE_COLUMNS = [...COLUMNS, 'winner_topic', 'winner_partition', 'winner_offset', 'winner_line'] as const;

interface RegistryRow {
  readonly tenant_id: string;
  readonly environment_id: string;
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly line: number;
}

export type EventRegistry = ReturnType<typeof createEventRegistry>;

/** Which position owns an event id. Ids stay for ever: an identity does not expire. */
export function createEventRegistry(clickhouse: ClickHouse) {
  const insert = async (table: string, columns: readonly string[], rows: readonly (readonly unknown[])[], token: string): Promise<void> => {
    if (rows.length > 0) await clickhouse.insert({ table, columns, rows, token });
  };

  return {
    /** Owners of those ids that have one, by identityKey. Where two positions claimed one id, the same of them wins in every look-up. */
    async owners(events: readonly LoggedEvent[]): Promise<Map<string, LogPosition>> {
      const owners = new Map<string, LogPosition>();
      for (let from = 0; from < events.length; from += LOOKUP_SIZE) {
        // Hashes are numbers of ours, so they may stand in the statement, where thousands of them are cheap.
        const hashes = events
          .slice(from, from + LOOKUP_SIZE)
          .map(identityHash)
          .join(',');
        const rows = await clickhouse.query<RegistryRow>(
          `SELECT tenant_id, environment_id, id, topic, partition, offset, line FROM event_ids WHERE id_hash IN (${hashes})
           ORDER BY ingested_at, topic, partition, offset, line LIMIT 1 BY tenant_id, environment_id, id`,
          {},
          CURRENT,
        );
        for (const row of rows) {
          owners.set(identityKey({ tenantId: row.tenant_id, environmentId: row.environment_id, id: row.id }), {
            topic: row.topic,
            partition: row.partition,
            offset: BigInt(row.offset),
            line: row.line,
          });
        }
      }
      return owners;
    },

    /** Registers the events' positions as owners of their ids. */
    claim: (events: readonly LoggedEvent[], token: string): Promise<void> => insert('event_ids', COLUMNS, events.map(registryRow), token),

    /** Keeps what lost and against whom, so that every accepted event can be explained. */
    recordDuplicates: (duplicates: readonly Duplicate[], token: string): Promise<void> =>
      insert(
        'event_duplicates',
        DUPLICATE_COLUMNS,
        duplicates.map(({ event, winner }) => [...registryRow(event), ...placeOf(winner)]),
        token,
      ),
  };
}

/** In the order of the columns. */
function registryRow(event: LoggedEvent): unknown[] {
  return [
    identityHash(event),
    event.tenantId,
    event.environmentId,
    event.id,
    ...placeOf(event.position),
    event.externalCustomerId,
    event.eventName,
    storedTime(event.timestamp),
    storedTime(event.ingestedAt),
  ];
}

function placeOf({ topic, partition, offset, line }: LogPosition): unknown[] {
  return [topic, partition, offset.toString(), line];
}

/** Milliseconds since 1970 as ClickHouse reads them without guessing: seconds with three decimals. */
export function storedTime(millis: number): string {
  return (millis / 1000).toFixed(3);
}
