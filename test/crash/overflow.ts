import { join } from 'node:path';
import pg from 'pg';
import { superuserConnection } from '#local/engines/postgres-server.ts';
import { loadCredentials } from '#local/engines/postgres-credentials.ts';
import { packedLines } from '#ingestion/repository/pack.ts';
import { decodeRecords } from '#platform/event-log/overflow-codec.ts';
import type { Host } from './host.ts';

/** What the overflow is asked for, past the product: how much waits in it, and what has ever been laid into it. */
export interface OverflowRecord {
  waiting(): Promise<number>;
  /** Events that went by way of the overflow, as `copyKey` names them. Copies that came after them may stand before them in the log. */
  laidAside(): Promise<ReadonlySet<string>>;
}

/** A copy of an event: the same id may stand at several times. */
export function copyKey({ id, at }: { readonly id: string; readonly at: number }): string {
  return `${id}@${at}`;
}

/** Has Postgres keep what goes into the overflow, in the same commit: its rows go away when they are replayed. */
export async function recordOverflow(host: Host): Promise<OverflowRecord> {
  await query(
    host,
    `
    create table public.crash_overflow (payload bytea not null);
    create function public.crash_keep_overflow() returns trigger language plpgsql security definer as
      $$ begin insert into public.crash_overflow values (new.payload); return new; end $$;
    create trigger crash_keep_overflow after insert on event_log.ingest_overflow for each row execute function public.crash_keep_overflow()`,
  );
  return {
    async waiting() {
      const [row] = await query<{ count: string }>(host, 'select count(*)::text as count from event_log.ingest_overflow');
      return Number(row?.count);
    },
    async laidAside() {
      const rows = await query<{ payload: Buffer }>(host, 'select payload from public.crash_overflow');
      const lines = rows.flatMap(({ payload }) => decodeRecords(payload).flatMap(({ value }) => [...packedLines(value)]));
      return new Set(
        lines.map((line) => {
          const { id, timestamp } = JSON.parse(line.toString('utf8')) as { id: string; timestamp: number };
          return copyKey({ id, at: timestamp });
        }),
      );
    },
  };
}

async function query<Row extends pg.QueryResultRow>({ config: { postgres }, dataDir }: Host, sql: string): Promise<Row[]> {
  const { superuser: password } = loadCredentials(join(dataDir, 'postgres'));
  const client = new pg.Client(
    superuserConnection({ host: postgres.host ?? '', port: postgres.port, superuser: 'postgres', password }, postgres.database),
  );
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
