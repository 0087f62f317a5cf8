import type { App } from '#app/create-app.ts';
import { until } from '#local/engines/process.ts';
import { IngestEventRequest } from '#ingestion/contracts/event.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import { EVENT_CONSUMER_GROUP } from '#ingestion/service/event-streams.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { startConsumer } from '#workers/consumer/run.ts';
import { type Measurement, measurement, timed } from './figures.ts';
import { sampleEvents } from './sample-events.ts';
import type { Sizes } from './sizes.ts';
import type { Surroundings } from './surroundings.ts';

const COLUMNS = [
  'tenant_id',
  'environment_id',
  'external_customer_id',
  'event_name',
  'timestamp',
  'id',
  'customer_id',
  'source',
  'properties',
  'ingested_at',
  'topic',
  'partition',
  'offset',
  'line',
] as const;
const CUSTOMERS = 1_000;
const REQUEST_EVENTS = 1_000;
/** Rows of a raw insert: larger ones are not faster. */
const INSERT_ROWS = 10_000;
const PATIENCE_MS = 300_000;

/**
 * Rows per second from the log to ClickHouse, each id looked up and registered: against inserts of the same rows and nothing else,
 * and against itself without the registry of ids.
 */
export async function benchConsume({ app, ctx }: Surroundings, { consumedEvents }: Sizes): Promise<Measurement[]> {
  const { clickhouse } = app;
  const eventLog = await app.eventLog;
  const group = `${EVENT_CONSUMER_GROUP}-${TOPICS.events}`;
  const countOf = async (table: string): Promise<number> =>
    Number((await clickhouse.query<{ n: string }>(`SELECT count() AS n FROM ${table} FINAL`))[0]?.n);
  const rate = (took: number): number => (consumedEvents / took) * 1000;

  const without = rate(await consume(Object.create(app, { clickhouse: { value: withoutRegistry(clickhouse) } }) as App));
  const ours = rate(await consume(app));

  await clickhouse.command('CREATE TABLE IF NOT EXISTS bench_events AS events');
  let rawMilliseconds = 0;
  for (let from = 0; from < consumedEvents; from += INSERT_ROWS) {
    const rows = await clickhouse.query<Record<string, unknown>>(
      `SELECT ${COLUMNS.join(', ')} FROM events FINAL ORDER BY topic, partition, offset, line LIMIT ${INSERT_ROWS} OFFSET ${from}`,
    );
    const values = rows.map((row) => COLUMNS.map((column) => row[column]));
    rawMilliseconds += await timed(() =>
      clickhouse.insert({ table: 'bench_events', columns: COLUMNS, rows: values, token: `bench:${from}` }),
    );
  }
  if ((await countOf('bench_events')) !== consumedEvents) throw new Error('the raw inserts stored something else');
  return [
    measurement('consume, log to ClickHouse', { perSecond: ours }, 'raw insert of the rows', { perSecond: rate(rawMilliseconds) }, 'rows'),
    measurement('consume, with the registry of ids', { perSecond: ours }, 'the same without it', { perSecond: without }, 'rows'),
  ];

  /** Milliseconds until the consumer has stored as many events as are sent to it. */
  async function consume(app: App): Promise<number> {
    // What others left in the log is consumed first: only what is sent here counts.
    await consumeAll(app);
    await clickhouse.command('TRUNCATE TABLE events');
    await clickhouse.command('TRUNCATE TABLE event_ids');
    const ingest = await app.ingest;
    for (let from = 0; from < consumedEvents; from += REQUEST_EVENTS) {
      await ingest.ingestBatch(
        ctx,
        sampleEvents(from, REQUEST_EVENTS, CUSTOMERS).map((event) => IngestEventRequest.parse(event)),
      );
    }
    const milliseconds = await consumeAll(app);
    const stored = await countOf('events');
    if (stored !== consumedEvents) throw new Error(`${stored} of ${consumedEvents} events were stored`);
    return milliseconds;
  }

  /** Milliseconds until the consumer has stored and committed all that is in the log. */
  async function consumeAll(app: App): Promise<number> {
    const started = performance.now();
    const consumer = await startConsumer({ app, logger: silentLogger });
    try {
      const done = async (): Promise<boolean> =>
        (await eventLog.lag(group, TOPICS.events)).every(({ end, committed }) => committed === end);
      if (!(await until(done, PATIENCE_MS, 10)))
        throw new Error(`the consumer did not come to the end of the log within ${PATIENCE_MS / 1000} s`);
      return performance.now() - started;
    } finally {
      await consumer.stop();
    }
  }
}

/** No id is known or remembered: what the consumer would cost if every event counted as often as it comes. */
function withoutRegistry(real: ClickHouse): ClickHouse {
  return {
    ...real,
    query: async (sql, ...rest) => (sql.includes('FROM event_ids') ? [] : real.query(sql, ...rest)),
    insert: async (insert) => {
      if (insert.table !== 'event_ids') await real.insert(insert);
    },
  };
}
