import { createEventLog } from '#platform/event-log/create.ts';
import { sendBulk } from './background.ts';
import { type Measurement, measurement, timed } from './figures.ts';
import { withKafka } from './kafka-surroundings.ts';
import { atTheEnd, progressOf, progressUntil } from './progress.ts';
import { sampleEvents } from './sample-events.ts';
import type { Sizes } from './sizes.ts';
import type { Server, Surroundings } from './surroundings.ts';
import { eventToVisible } from './visible.ts';

const CUSTOMERS = 1_000;
const BULK = 1_000;
const SENDERS = 8;
/** Sustained means that the log does not grow: senders wait while more events than this are on their way to ClickHouse. */
const ON_THE_WAY = 100_000;

/**
 * The whole way: HTTP gateway and handler, log, consumer, ClickHouse, every id looked up and registered. The gateway and the consumer are processes
 * of their own, on a real broker where it is installed. Held against the slower of the two stages when it has the machine to itself.
 */
export async function benchChain(surroundings: Surroundings, sizes: Sizes): Promise<Measurement[]> {
  const {
    app: { clickhouse },
    startServer,
  } = surroundings;
  const onKafka = await withKafka(surroundings, 'kafka-chain');
  const config = onKafka ?? surroundings.config;
  const eventLog = await createEventLog(config);
  surroundings.onStop(() => eventLog.close());
  const headers = { [config.auth.header]: config.local.api_key };
  await clickhouse.command('TRUNCATE TABLE events');
  await clickhouse.command('TRUNCATE TABLE event_ids');
  const api = await startServer('local/api.ts', config);
  const events = sizes.chainEvents;

  // Each stage alone: the log is filled first, then emptied. What others left in the log of Postgres is not counted.
  const before = await progressOf(eventLog);
  const acceptedMs = await sendAll(api, bodiesFrom(0, events), headers);
  const records = (await progressOf(eventLog)).appended - before.appended;
  const perRecord = events / records;
  await startServer('workers/consumer/main.ts', config);
  const first = await progressUntil(eventLog, ({ committed }) => committed > before.appended);
  const consumedMs = await timed(() => progressUntil(eventLog, atTheEnd));
  const consumed = (before.appended + records - first.committed) * perRecord;
  const slowest = Math.min(events / acceptedMs, consumed / consumedMs) * 1000;

  const bodies = bodiesFrom(events, events);
  const room = () => progressUntil(eventLog, ({ appended, committed }) => (appended - committed) * perRecord <= ON_THE_WAY);
  const chainMs = await timed(async () => {
    await sendAll(api, bodies, headers, room);
    await progressUntil(eventLog, atTheEnd);
  });
  const [stored] = await clickhouse.query<{ n: string }>(`SELECT count() AS n FROM events FINAL WHERE event_name = 'llm_request'`);
  if (Number(stored?.n) < events * 2) throw new Error(`${stored?.n} of ${events * 2} events were stored`);

  const name = onKafka === undefined ? 'Postgres' : 'Kafka';
  return [
    measurement(
      `API to ClickHouse over ${name}, 1,000 per request`,
      { perSecond: (events / chainMs) * 1000 },
      'its slowest stage alone',
      { perSecond: slowest },
      'events',
    ),
    ...(await eventToVisible({ api, headers, firstIndex: events * 2 }, sizes)),
  ];
}

function bodiesFrom(from: number, events: number): string[] {
  return Array.from({ length: Math.ceil(events / BULK) }, (_, index) =>
    JSON.stringify({ events: sampleEvents(from + index * BULK, BULK, CUSTOMERS) }),
  );
}

/** Milliseconds until all are accepted. */
function sendAll(
  api: Server,
  bodies: readonly string[],
  headers: Readonly<Record<string, string>>,
  room: () => Promise<unknown> = async () => undefined,
): Promise<number> {
  let next = 0;
  const sender = async (): Promise<void> => {
    for (;;) {
      const body = bodies[next++];
      if (body === undefined) return;
      await room();
      await sendBulk(api, headers, body);
    }
  };
  return timed(() => Promise.all(Array.from({ length: SENDERS }, sender)));
}
