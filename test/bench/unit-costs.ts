// `node scripts/run.mjs test/bench/unit-costs.ts`: measures what an event costs in bytes and milliseconds, and writes infra/cost/unit-costs.json,
// from which `npm run cost` computes dollars.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import type { App } from '#app/create-app.ts';
import { createIngestService } from '#ingestion/service/ingest.ts';
import type { LogRecord } from '#platform/event-log/event-log.ts';
import { createMetrics } from '#platform/observability/metrics.ts';
import { toGatewayEvent } from '../support/api.ts';
import { benchConsume } from './consume.ts';
import { machine, machineLine } from './report.ts';
import { sampleEvent, sampleEvents } from './sample-events.ts';
import { QUICK } from './sizes.ts';
import { openSurroundings, type Surroundings } from './surroundings.ts';

const BATCHES = [1, 10, 100, 1000] as const;
const REQUESTS = 200;
const CUSTOMERS = 64;
/** Key, headers and framing of a record in a Kafka batch. */
const RECORD_OVERHEAD_BYTES = 70;
const PARTITIONS = 12;

/** A batch of events through the ingest handler, without a network: an event log that only looks at what it gets. */
async function measureIngest({ app, config }: Surroundings, batch: number) {
  let kafkaBytes = 0;
  const eventLog = {
    partitionCount: async () => PARTITIONS,
    append: async (_: string, records: readonly LogRecord[]) => {
      for (const { key, value, headers } of records)
        kafkaBytes += gzipSync(value).length + RECORD_OVERHEAD_BYTES + Buffer.byteLength(key + JSON.stringify(headers));
    },
  };
  const talking = { ...config, log: { level: 'INFO' as const }, metrics: { enabled: true } };
  const metrics = await createMetrics(talking, 'ingest');
  const { authenticator, database, clock } = app;
  const ingest = createIngestService({
    eventLog,
    overflow: {
      put: async () => {
        throw new Error('the overflow was used');
      },
    },
    clock,
    config,
    metrics,
  });
  const handler = createIngestHandler({
    config: talking,
    authenticator,
    database,
    clock,
    metrics,
    ingest: Promise.resolve(ingest),
  } as unknown as App);
  const bodyOf = (from: number) =>
    JSON.stringify(batch === 1 ? sampleEvent(from, CUSTOMERS) : { events: sampleEvents(from, batch, CUSTOMERS) });
  const events = Array.from({ length: REQUESTS }, (_, index) =>
    toGatewayEvent('POST', batch === 1 ? '/v1/events' : '/v1/events/bulk', bodyOf(index * batch), {
      'x-api-key': config.local.api_key,
      'content-type': 'application/json',
    }),
  );

  let logBytes = 0;
  const write = process.stdout.write.bind(process.stdout);
  const milliseconds: number[] = [];
  let responseBytes = 0;
  process.stdout.write = ((chunk: string | Uint8Array) => {
    logBytes += Buffer.byteLength(chunk);
    return true;
  }) as typeof process.stdout.write;
  try {
    await handler(events[0] as (typeof events)[number]);
    [logBytes, kafkaBytes] = [0, 0];
    for (const event of events) {
      const started = performance.now();
      const { statusCode, body = '' } = await handler(event);
      milliseconds.push(performance.now() - started);
      if (statusCode !== 202) throw new Error(`${statusCode}: ${body}`);
      responseBytes += Buffer.byteLength(body);
    }
  } finally {
    process.stdout.write = write;
  }
  const requestBytes = events.reduce((sum, { body = '' }) => sum + Buffer.byteLength(body ?? ''), 0);
  return {
    batch,
    handlerMs: round(milliseconds.sort((a, b) => a - b)[REQUESTS / 2] ?? 0, 2),
    requestBytes: round(requestBytes / REQUESTS),
    responseBytes: round(responseBytes / REQUESTS),
    kafkaBytes: round(kafkaBytes / REQUESTS),
    logBytes: round(logBytes / REQUESTS),
  };
}

/** What an event takes in ClickHouse, stored and on the way there, and how many a consumer stores in a second. */
async function measureStorage(surroundings: Surroundings) {
  const [consumed] = await benchConsume(surroundings, { ...QUICK, consumedEvents: 100_000 });
  const { clickhouse } = surroundings.app;
  let stored = 0;
  let sent = 0;
  for (const table of ['events', 'event_ids']) {
    await clickhouse.command(`OPTIMIZE TABLE ${table} FINAL`);
    const [parts] = await clickhouse.query<{ bytes: string; rows: string }>(
      `SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS rows FROM system.parts WHERE active AND database = currentDatabase() AND table = '${table}'`,
    );
    stored += Number(parts?.bytes) / Number(parts?.rows);
    const rows = await clickhouse.query(`SELECT * FROM ${table} LIMIT 2500`);
    sent += gzipSync(rows.map((row) => JSON.stringify(row)).join('\n')).length / rows.length;
  }
  return {
    clickhouseStoredBytes: round(stored, 1),
    clickhouseSentBytes: round(sent, 1),
    consumerRowsPerSecond: round((consumed as { ours: { perSecond?: number } }).ours.perSecond ?? 0),
  };
}

function round(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}

let stop: () => Promise<void> = async () => undefined;
try {
  const surroundings = await openSurroundings((all) => {
    stop = all;
  });
  const ingest = [];
  for (const batch of BATCHES) ingest.push(await measureIngest(surroundings, batch));
  const perEvent = await measureStorage(surroundings);
  const measured = {
    measuredOn: machineLine(machine()),
    date: new Date().toISOString().slice(0, 10),
    command: 'node scripts/run.mjs test/bench/unit-costs.ts',
    ingest,
    perEvent,
  };
  writeFileSync(join(import.meta.dirname, '../../infra/cost/unit-costs.json'), `${JSON.stringify(measured, null, 2)}\n`);
  console.log(JSON.stringify(measured, null, 2));
} finally {
  await stop();
}
