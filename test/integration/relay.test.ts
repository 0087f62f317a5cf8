import { DateTime } from 'luxon';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { systemContext } from '#kernel/context.ts';
import type { LogRecord } from '#platform/event-log/event-log.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { fromLogRecord } from '#platform/event-log/system-event.ts';
import { createDatabase, type Database } from '#platform/postgres/database.ts';
import { appendSystemEvent, type OutboxRow } from '#platform/postgres/outbox.ts';
import { enqueueJob } from '#platform/workflows/enqueue.ts';
import { createTestPostgres, type TestPostgres } from '#test/support/engines.ts';
import type { RelayDependencies } from '#workers/relay/dependencies.ts';
import { listenToOutbox } from '#workers/relay/outbox-listener.ts';
import { outboxRows } from '#workers/relay/outbox-rows.ts';
import { publishEvents } from '#workers/relay/publish-events.ts';
import { startRelay } from '#workers/relay/relay.ts';
import { startJobs } from '#workers/relay/start-jobs.ts';

const WAIT = { timeout: 20_000, interval: 20 };
const ctx = systemContext('tenant_1', 'env_1', 'req_1');
const clock = fixedClock(DateTime.utc(2026, 1, 1));
let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await createTestPostgres();
  database = createDatabase(postgres.config);
});
beforeEach(() =>
  database.asSystem('test', async (tx) => {
    await tx.deleteFrom('outbox').execute();
  }),
);
afterAll(async () => {
  await database.close();
  await postgres.drop();
});

/** A log that keeps what it gets and refuses what the test says. */
function fakeLog(refuses: (record: LogRecord) => boolean = () => false) {
  const records: LogRecord[] = [];
  return {
    records,
    published: () => records.map((record) => fromLogRecord(record)).map(({ entityId, eventName }) => `${entityId} ${eventName}`),
    append: async (_topic: string, batch: readonly LogRecord[]) => {
      if (batch.some(refuses)) throw new Error('refused');
      records.push(...batch);
    },
  };
}
const startsNothing = {
  start: async () => {
    throw new Error('no job is expected');
  },
};
const relayTo = (eventLog: RelayDependencies['eventLog'], jobs: RelayDependencies['jobs'] = startsNothing): RelayDependencies => ({
  database,
  eventLog,
  jobs,
  clock,
  logger: silentLogger,
});

const change = (...events: [entity: string, name: string][]) =>
  database.withTenant(ctx, async (tx) => {
    for (const [entityId, eventName] of events)
      await appendSystemEvent(tx, clock, { eventName, entityType: 'customer', entityId, payload: { id: entityId } });
  });
const outbox = (): Promise<OutboxRow[]> =>
  database.asSystem('test', async (tx) => (await tx.selectFrom('outbox').selectAll().orderBy('position').execute()) as OutboxRow[]);
const isOf = (entity: string) => (record: LogRecord) => record.key.endsWith(`:${entity}`);

test('committed changes are published once, in order, with who and what', async () => {
  await change(['cust_1', 'customer.created'], ['cust_2', 'customer.created'], ['cust_1', 'customer.updated']);
  const log = fakeLog();
  expect(await publishEvents(relayTo(log), 500)).toBe(3);
  expect(log.published()).toEqual(['cust_1 customer.created', 'cust_2 customer.created', 'cust_1 customer.updated']);
  expect(log.records.map(({ key }) => key)).toEqual(['tenant_1:env_1:cust_1', 'tenant_1:env_1:cust_2', 'tenant_1:env_1:cust_1']);
  const [first] = await outbox();
  expect(fromLogRecord(log.records[0] as LogRecord)).toMatchObject({
    id: first?.id,
    tenantId: 'tenant_1',
    environmentId: 'env_1',
    actorId: 'system',
    actorType: 'system',
    requestId: 'req_1',
    payload: { id: 'cust_1' },
  });
  expect(await publishEvents(relayTo(log), 500)).toBe(0);
  expect(log.records).toHaveLength(3);
});

test('what is rolled back is never published', async () => {
  await expect(
    database.withTenant(ctx, async (tx) => {
      await appendSystemEvent(tx, clock, { eventName: 'customer.created', entityType: 'customer', entityId: 'cust_1', payload: {} });
      await enqueueJob(tx, clock, { job: 'sample', workflowId: 'sample-1', input: {} });
      throw new Error('the domain change failed');
    }),
  ).rejects.toThrow();
  expect(await outbox()).toEqual([]);
});

test('a crash between publishing and marking publishes again, with the same ids', async () => {
  await change(['cust_1', 'customer.created'], ['cust_1', 'customer.updated']);
  const log = fakeLog();
  let transactions = 0;
  const dying: Database = {
    ...database,
    asSystem: (reason, work) =>
      database.asSystem(reason, async (tx) => {
        const result = await work(tx);
        transactions += 1;
        // The first took the rows, the second marks them.
        if (transactions === 2) throw new Error('killed before the commit');
        return result;
      }),
  };
  await expect(publishEvents({ ...relayTo(log), database: dying }, 500)).rejects.toThrow('killed');
  // For a minute they are in the hands of whoever took them, and nothing of the entity overtakes them.
  await change(['cust_1', 'customer.deleted']);
  expect(await publishEvents(relayTo(log), 500)).toBe(0);
  const later = { ...relayTo(log), clock: { now: () => clock.now().plus({ seconds: 61 }) } };
  expect(await publishEvents(later, 2)).toBe(2);
  const ids = log.records.map((record) => fromLogRecord(record).id);
  expect(ids).toHaveLength(4);
  expect(ids.slice(2)).toEqual(ids.slice(0, 2));
});

test('a row that is refused holds up its own entity only, and is tried again later', async () => {
  await change(['bad', 'customer.created'], ['good', 'customer.created'], ['bad', 'customer.updated'], ['good', 'customer.updated']);
  const choosy = fakeLog(isOf('bad'));
  await publishEvents(relayTo(choosy), 500);
  expect(choosy.published()).toEqual(['good customer.created', 'good customer.updated']);
  expect(await outbox()).toMatchObject([
    { entityId: 'bad', failureCount: 1, failureReason: 'refused', publishedAt: null, nextAttemptAt: clock.now().plus({ seconds: 2 }) },
    { entityId: 'good', publishedAt: clock.now() },
    { entityId: 'bad', failureCount: 0, publishedAt: null },
    { entityId: 'good', publishedAt: clock.now() },
  ]);

  const healed = fakeLog();
  await change(['later', 'customer.created']);
  await publishEvents(relayTo(healed), 500);
  expect(healed.published()).toEqual(['later customer.created']);
  clock.set(clock.now().plus({ seconds: 2 }));
  await publishEvents(relayTo(healed), 500);
  expect(healed.published()).toEqual(['later customer.created', 'bad customer.created', 'bad customer.updated']);
});

test('while the log is away no more than a few rows are put off, and nothing is lost', async () => {
  const entities = Array.from({ length: 20 }, (_, index) => `cust_${index}`);
  await change(...entities.map((entity): [string, string] => [entity, 'customer.created']));
  await publishEvents(relayTo(fakeLog(() => true)), 500);
  expect((await outbox()).filter(({ failureCount }) => failureCount > 0)).toHaveLength(3);
  const log = fakeLog();
  await publishEvents(relayTo(log), 500);
  clock.set(clock.now().plus({ minutes: 1 }));
  await publishEvents(relayTo(log), 500);
  expect(log.published().sort()).toEqual(entities.map((entity) => `${entity} customer.created`).sort());
});

test('several relays at once keep every entity in order and publish nothing twice', async () => {
  const events = Array.from({ length: 120 }, (_, index): [string, string] => [
    `cust_${index % 4}`,
    `change.${String(index).padStart(3, '0')}`,
  ]);
  await change(...events);
  const log = fakeLog();
  while ((await outbox()).some(({ publishedAt }) => publishedAt === null)) {
    await Promise.all([1, 2, 3].map(() => publishEvents(relayTo(log), 10)));
  }
  expect(log.published()).toEqual(events.map(([entity, name]) => `${entity} ${name}`));
});

test('a job start goes to the driver and not to the topic; one that fails waits and keeps its reason', async () => {
  await database.withTenant(ctx, async (tx) => {
    await enqueueJob(tx, clock, { job: 'billing-cycle', workflowId: 'cycle-1', input: { subscription: 'subs_1' } });
    await enqueueJob(tx, clock, { job: 'unknown', workflowId: 'cycle-2', input: {} });
  });
  const started: unknown[] = [];
  const jobs: RelayDependencies['jobs'] = {
    start: async (job, workflowId, input) => {
      if (job === 'unknown') throw new Error('no such job');
      started.push([job, workflowId, input]);
      return { started: true };
    },
  };
  const log = fakeLog();
  expect(await publishEvents(relayTo(log, jobs), 500)).toBe(0);
  expect(await startJobs(relayTo(log, jobs), 500)).toBe(2);
  expect(started).toEqual([['billing-cycle', 'cycle-1', { subscription: 'subs_1' }]]);
  expect(log.records).toEqual([]);
  expect(await outbox()).toMatchObject([
    { publishedAt: clock.now() },
    { publishedAt: null, failureCount: 1, failureReason: 'no such job' },
  ]);
  expect(await startJobs(relayTo(log, jobs), 500)).toBe(0);
});

const enqueue = (count: number) =>
  database.withTenant(ctx, async (tx) => {
    for (let index = 0; index < count; index += 1)
      await enqueueJob(tx, clock, { job: 'billing-cycle', workflowId: `many-${index}`, input: {} });
  });

test('starting jobs leaves the connection to the driver', async () => {
  await enqueue(6);
  const narrow = createDatabase({ ...postgres.config, pool_max: 1 });
  try {
    const start = () => narrow.asSystem('driver', async () => ({ started: true }));
    expect(await startJobs({ ...relayTo(fakeLog(), { start }), database: narrow }, 500)).toBe(6);
    expect((await outbox()).map(({ publishedAt, failureReason }) => [publishedAt !== null, failureReason])).toEqual(
      Array(6).fill([true, null]),
    );
  } finally {
    await narrow.close();
  }
});

test('while the job engine is away few starts are put off; those in hand of a relay that died come again', async () => {
  await enqueue(10);
  await startJobs(relayTo(fakeLog(), startsNothing), 500);
  expect((await outbox()).map(({ failureCount, nextAttemptAt }) => [failureCount, nextAttemptAt !== null])).toEqual([
    ...Array(4).fill([1, true]),
    ...Array(6).fill([0, false]),
  ]);
  const healed = relayTo(fakeLog(), { start: async () => ({ started: true }) });
  let rounds = 0;
  const dying: Database = {
    ...database,
    asSystem: (reason, work) => (rounds++ === 0 ? database.asSystem(reason, work) : Promise.reject(new Error('killed'))),
  };
  await expect(startJobs({ ...healed, database: dying }, 500)).rejects.toThrow('killed');
  expect(await startJobs(healed, 500)).toBe(0);
  clock.set(clock.now().plus({ minutes: 1 }));
  expect(await startJobs(healed, 500)).toBe(10);
  expect((await outbox()).every(({ publishedAt }) => publishedAt !== null)).toBe(true);
});

test('a commit wakes the relay, which would else look once a minute', async () => {
  const log = fakeLog();
  const relay = startRelay(relayTo(log), { pollMs: 60_000 });
  const listener = listenToOutbox(postgres.config, () => relay.wake(), silentLogger);
  try {
    await change(['cust_1', 'customer.created']);
    await expect.poll(() => log.published(), WAIT).toEqual(['cust_1 customer.created']);
    await change(['cust_2', 'customer.created']);
    await expect.poll(() => log.published(), WAIT).toEqual(['cust_1 customer.created', 'cust_2 customer.created']);
  } finally {
    await listener.stop();
    await relay.stop();
  }
});

test('published rows are deleted after their time, others never', async () => {
  await change(['cust_1', 'customer.created']);
  await publishEvents(relayTo(fakeLog()), 500);
  await change(['cust_2', 'customer.created']);
  const deleteBefore = (before: DateTime) => database.asSystem('test', (tx) => outboxRows.deletePublished(tx, before, 10));
  expect(await deleteBefore(clock.now())).toBe(0);
  expect(await deleteBefore(clock.now().plus({ seconds: 1 }))).toBe(1);
  expect((await outbox()).map(({ entityId }) => entityId)).toEqual(['cust_2']);
});

test('the app role sees no outbox row of another tenant and no job run at all', async () => {
  await change(['cust_1', 'customer.created']);
  const other = systemContext('tenant_2', 'env_2', 'req_2');
  expect(await database.withTenant(other, (tx) => tx.selectFrom('outbox').selectAll().execute())).toEqual([]);
  await expect(database.withTenant(other, (tx) => tx.selectFrom('jobRuns').selectAll().execute())).rejects.toThrow('permission denied');
});
