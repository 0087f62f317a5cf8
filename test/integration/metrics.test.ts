import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createIngestService } from '#ingestion/service/ingest.ts';
import { createEventConsumer } from '#ingestion/service/consume.ts';
import { createAuthenticator } from '#access/service/authenticator.ts';
import type { LogRecord } from '#platform/event-log/event-log.ts';
import type { MetricName, Metrics } from '#platform/observability/metrics.ts';
import { startLagProbe } from '#workers/consumer/lag-probe.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { HEADERS } from '#platform/event-log/topics.ts';
import { publishEvents } from '#workers/relay/publish-events.ts';
import { startRelay } from '#workers/relay/relay.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import { startEngineProbe } from '#workers/worker/engine-probe.ts';
import { startJobEngine } from '#workers/worker/job-engine.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { validEvent } from '../support/events.ts';

// Where each process counts, told to a recorder in place of CloudWatch.

interface Recorder extends Metrics {
  readonly amounts: [number, string][];
  of(name: MetricName): number[];
}

function recorder(): Recorder {
  const values = new Map<MetricName, number[]>();
  const amounts: [number, string][] = [];
  return {
    enabled: true,
    amounts,
    flush: () => undefined,
    record: (name, value, dimensions) => {
      values.set(name, [...(values.get(name) ?? []), value]);
      if (dimensions !== undefined) amounts.push([value, dimensions.currency]);
    },
    of: (name) => values.get(name) ?? [],
  };
}

const NOW = DateTime.utc(2026, 11, 1, 12);
const clock = { now: () => NOW };
const WAIT = { timeout: 20_000, interval: 20 };

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
});
afterAll(async () => {
  await api.close();
});

const request = (more: Readonly<Record<string, unknown>> = {}) => validEvent({ timestamp: NOW.toMillis(), ignored: [], ...more }) as never;

test('ingest counts what is accepted, refused, and laid aside', async () => {
  const metrics = recorder();
  const records: LogRecord[] = [];
  const log = {
    append: async (_: string, more: readonly LogRecord[]) => {
      records.push(...more);
    },
    partitionCount: async () => 4,
  };
  const away = {
    append: async () => {
      throw new Error('away');
    },
    partitionCount: async () => 4,
  };
  const ingestOver = (eventLog: typeof log) =>
    createIngestService({ eventLog, overflow: { put: async () => undefined }, clock, config: api.config, metrics });

  await ingestOver(log).ingestBatch(api.ctx, [request(), request(), request()]);
  await expect(ingestOver(log).ingestBatch(api.ctx, [request(), request({ timestamp: NOW.plus({ days: 9 }).toMillis() })])).rejects.toThrow(
    'timestamp',
  );
  await ingestOver(away).ingest(api.ctx, request());
  await ingestOver(log).ingestFit(api.ctx, [
    { id: 'a', made: request() },
    { id: 'b', made: { refused: [] } },
    { id: '', made: { refused: [] } },
    { id: 'c', made: request({ timestamp: NOW.plus({ days: 9 }).toMillis() }) },
  ]);
  await ingestOver(log).ingestFit(api.ctx, [{ id: '', made: { refused: [] } }]);
  expect(metrics.of('EventsAccepted')).toEqual([3, 1, 1]);
  expect(metrics.of('IngestBatchSize')).toEqual([3, 1, 1]);
  expect(metrics.of('EventsRejected')).toEqual([2, 3, 1]);
  expect(metrics.of('OverflowEnqueued')).toEqual([1]);
  expect(metrics.of('KafkaPublishMs')).toHaveLength(3);
});

test('the consumer counts rows, poison, and the age of the oldest event since its acceptance', async () => {
  const metrics = recorder();
  const sent: LogRecord[] = [];
  const ingestClock = { now: () => NOW.minus({ seconds: 42 }) };
  const eventLog = {
    append: async (_: string, more: readonly LogRecord[]) => {
      sent.push(...more);
    },
    partitionCount: async () => 1,
  };
  await createIngestService({ eventLog, overflow: { put: async () => undefined }, clock: ingestClock, config: api.config }).ingestBatch(
    api.ctx,
    [request({ event_id: 'm-1' }), request({ event_id: 'm-2', timestamp: NOW.minus({ years: 1 }).toMillis() })],
  );
  const messages = [...sent, { key: 'k', value: Buffer.from('no event'), headers: { ...sent[0]?.headers, [HEADERS.count]: '1' } }].map(
    (record, offset) => ({ ...record, offset: BigInt(offset), timestamp: NOW }),
  );
  const consumer = createEventConsumer({ clickhouse: api.app.clickhouse, eventLog, enrich: async (events) => [...events], clock, metrics });
  await consumer.consume({ topic: 'events', partition: 0, messages, heartbeat: async () => undefined });
  expect(metrics.of('RowsInserted')).toEqual([2]);
  expect(metrics.of('PoisonMessages')).toEqual([1]);
  expect([metrics.of('DuplicateEvents'), metrics.of('EventsUnaccounted')]).toEqual([[0], [0]]);
  expect(metrics.of('EventAgeSeconds')).toEqual([42]);
  expect(metrics.of('BatchInsertMs')).toHaveLength(1);
});

test('the lag is that of the group which is furthest behind, and nobody is asked when metrics are off', async () => {
  const metrics = recorder();
  const asked: string[] = [];
  const lags: Record<string, bigint> = { a: 7n, b: 5n };
  const options = {
    logger: silentLogger,
    groups: [
      { group: 'ga', topic: 'a' },
      { group: 'gb', topic: 'b' },
    ],
    eventLog: {
      lag: async (_: string, topic: string) => {
        asked.push(topic);
        return [
          { partition: 0, end: 10n, committed: 10n - (lags[topic] ?? 0n) },
          { partition: 1, end: 3n, committed: 3n },
        ];
      },
    },
  };
  await startLagProbe({ ...options, metrics: { ...metrics, enabled: false } }).stop();
  expect(asked).toEqual([]);
  const probe = startLagProbe({ ...options, metrics });
  await expect.poll(() => metrics.of('ConsumerLag'), WAIT).toEqual([7]);
  await probe.stop();
});

test('the relay counts finalized invoices when they are published, and tells how long rows have waited', async () => {
  const metrics = recorder();
  const row = (eventName: string, entityId: string, total: string, currency: string) =>
    api.app.database.withTenant(api.ctx, (tx) =>
      appendSystemEvent(tx, clock, { eventName, entityType: 'invoice', entityId, payload: { total, currency } }),
    );
  await row('invoice.update.finalized', 'inv_1', '12.5', 'usd');
  await row('invoice.update.finalized', 'inv_3', '1000', 'jpy');
  await row('invoice.update', 'inv_2', '7', 'usd');
  const dependencies = {
    database: api.app.database,
    eventLog: { append: async () => undefined },
    jobs: { start: async () => ({ started: true }) },
    clock,
    logger: silentLogger,
    metrics,
  };
  const away = {
    ...dependencies,
    eventLog: {
      append: async () => {
        throw new Error('away');
      },
    },
    clock: { now: () => NOW.plus({ seconds: 90 }) },
  };
  const relay = startRelay(away, { pollMs: 60_000 });
  await expect.poll(() => metrics.of('OutboxAgeSeconds'), WAIT).toEqual([90]);
  await relay.stop();
  expect(metrics.of('InvoicesFinalised')).toEqual([]);
  await publishEvents({ ...dependencies, clock: { now: () => NOW.plus({ hours: 1 }) } }, 500);
  expect(metrics.of('InvoicesFinalised')).toEqual([2]);
  // Cents, and whole yen.
  expect(metrics.amounts).toEqual([
    [1250, 'USD'],
    [1000, 'JPY'],
  ]);
});

test('failed attempts of activities and failed jobs are counted', async () => {
  const metrics = recorder();
  const job = {
    name: 'failing',
    retry: { initialIntervalMs: 1, backoffCoefficient: 1, maximumIntervalMs: 1, maximumAttempts: 3 },
    activityTimeoutMs: 5_000,
    run: async (activities: Record<string, (input: unknown) => Promise<unknown>>) => activities.step?.({}),
  };
  const jobs = [
    {
      job,
      activities: () => ({
        step: async () => {
          throw new Error('no');
        },
      }),
    },
  ];
  const engine = await startJobEngine({
    app: { ...api.app, config: api.config, clock: { now: () => DateTime.utc() }, database: api.app.database, metrics },
    jobs,
    schedules: [],
    workflows: { path: '' },
    logger: silentLogger,
  } as never);
  try {
    await engine.driver.start('failing', 'failing-1', {});
    await expect(engine.driver.result('failing-1')).rejects.toThrow('no');
    expect(await engine.observe()).toEqual({ backlog: 0, missedStarts: 0 });
  } finally {
    await engine.stop();
  }
  expect(metrics.of('ActivityFailed')).toEqual([1, 1, 1]);
  expect(metrics.of('WorkflowStarted')).toEqual([1]);
  expect(metrics.of('WorkflowFailed')).toEqual([1]);
});

test('what waits for a worker is told as it is, missed starts by how many there are more', async () => {
  const metrics = recorder();
  const states = [
    { backlog: 7, missedStarts: 40 },
    { backlog: 3, missedStarts: 42 },
  ];
  const engine = { observe: async () => states.shift() ?? { backlog: 0, missedStarts: 42 } };
  const probe = startEngineProbe({ engine, metrics, logger: silentLogger, intervalMs: 1 });
  await expect.poll(() => metrics.of('JobBacklog').length, WAIT).toBeGreaterThan(2);
  await probe.stop();
  expect(metrics.of('JobBacklog').slice(0, 3)).toEqual([7, 3, 0]);
  expect(metrics.of('ScheduleMissed').slice(0, 3)).toEqual([0, 2, 0]);
});

test('a key is looked up once, and that is counted', async () => {
  const metrics = recorder();
  const principal = {
    tenantId: 't',
    environmentId: 'e',
    actorId: 'a',
    actorType: 'api_key' as const,
    roles: [],
    tenantSuspended: false,
    keyId: 'k',
    expiresAtMs: null,
    usedAtMs: null,
  };
  const seen = { tenantId: 't', change: '', horizon: 1n };
  const authenticator = createAuthenticator(
    api.config.auth,
    {
      findByKeyHash: async () => ({ ...seen, value: principal }),
      findEnvironment: async () => ({ ...seen, value: {} }),
      findByTokenHash: async () => null,
      changesSince: async (horizon) => ({ changes: [], horizon }),
      noteUses: async () => undefined,
    },
    clock,
    metrics,
  );
  for (const _ of [1, 2, 3]) await authenticator.authenticate({ 'x-api-key': 'sk_test_1' });
  expect(metrics.of('AuthCacheMiss')).toEqual([1]);
});
