import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAuditConsumer } from '#audit/consumer.ts';
import { createAuditRepository } from '#audit/repository.ts';
import { systemClock } from '#kernel/clock.ts';
import { systemContext } from '#kernel/context.ts';
import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client.ts';
import { createEventLog } from '#platform/event-log/create.ts';
import type { EventLog, LogMessage, Subscription } from '#platform/event-log/event-log.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { CONTENT, dlqOf, HEADERS, TOPICS, topicSpecs } from '#platform/event-log/topics.ts';
import { createDatabase, type Database } from '#platform/postgres/database.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import { createTestClickHouse, createTestPostgres, type TestClickHouse, type TestPostgres, testConfig } from '#test/support/engines.ts';
import { publishEvents } from '#workers/relay/publish-events.ts';

const WAIT = { timeout: 20_000, interval: 50 };
const clock = systemClock;
const ctx = systemContext('tenant_1', 'env_1', 'req_1');
let postgres: TestPostgres;
let analytics: TestClickHouse;
let database: Database;
let clickhouse: ClickHouse;
let eventLog: EventLog;
let consumer: Subscription;
beforeAll(async () => {
  [postgres, analytics] = await Promise.all([createTestPostgres(), createTestClickHouse()]);
  const config = { ...testConfig(), postgres: postgres.config, clickhouse: analytics.config };
  database = createDatabase(config.postgres);
  clickhouse = createClickHouse(config);
  eventLog = await createEventLog(config);
  await eventLog.ensureTopics(topicSpecs(config));
  consumer = await startAuditConsumer({ eventLog, audit: createAuditRepository(clickhouse), clock, logger: silentLogger });
});
afterAll(async () => {
  await consumer.stop();
  await eventLog.close();
  await clickhouse.close();
  await database.close();
  await Promise.all([postgres.drop(), analytics.drop()]);
});

const dependencies = () => ({ database, eventLog, clock, logger: silentLogger, jobs: { start: async () => ({ started: true }) } });
const change = (entityId: string, eventName: string) =>
  database.withTenant(ctx, (tx) =>
    appendSystemEvent(tx, clock, { eventName, entityType: 'customer', entityId, payload: { id: entityId, amount: '0.10' } }),
  );
const history = (entityId: string) => createAuditRepository(clickhouse).ofEntity(ctx, 'customer', entityId);
const names = async (entityId: string) => (await history(entityId)).map((entry) => entry.eventName);

test('a committed change is in the audit log once, with actor, request and payload', async () => {
  await change('cust_1', 'customer.created');
  await change('cust_1', 'customer.updated');
  await publishEvents(dependencies(), 500);
  await expect.poll(() => names('cust_1'), WAIT).toEqual(['customer.created', 'customer.updated']);
  expect((await history('cust_1'))[0]).toMatchObject({
    tenantId: 'tenant_1',
    environmentId: 'env_1',
    actorId: 'system',
    actorType: 'system',
    requestId: 'req_1',
    payload: { id: 'cust_1', amount: '0.10' },
  });
});

test('a change that the relay publishes twice is one entry', async () => {
  await change('cust_2', 'customer.created');
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
  await expect(publishEvents({ ...dependencies(), database: dying }, 500)).rejects.toThrow('killed');
  const later = { ...dependencies(), clock: { now: () => clock.now().plus({ seconds: 61 }) } };
  await publishEvents(later, 500);
  await change('cust_2', 'customer.deleted');
  await publishEvents(dependencies(), 500);
  // The last one of the same key is there, so both copies of the first have been consumed.
  await expect.poll(() => names('cust_2'), WAIT).toEqual(['customer.created', 'customer.deleted']);
});

test('another environment does not see it', async () => {
  const stranger = systemContext('tenant_1', 'env_2', 'req_2');
  expect(await createAuditRepository(clickhouse).ofEntity(stranger, 'customer', 'cust_1')).toEqual([]);
});

test('a record that cannot be read goes to the dead letters with its reason and place, and the next ones go on', async () => {
  const dead: LogMessage[] = [];
  const letters = await eventLog.subscribe({
    group: 'test',
    topics: [dlqOf(TOPICS.systemEvents)],
    handler: async (batch) => {
      dead.push(...batch.messages);
    },
  });
  try {
    await eventLog.append(TOPICS.systemEvents, [
      {
        key: 'tenant_1:env_1:cust_3',
        value: Buffer.from('{"id":'),
        headers: { [HEADERS.content]: CONTENT.systemEvent, [HEADERS.tenantId]: 'tenant_1' },
      },
      { key: 'tenant_1:env_1:cust_3', value: Buffer.from('{}'), headers: { [HEADERS.content]: 'something else' } },
    ]);
    await change('cust_3', 'customer.created');
    await publishEvents(dependencies(), 500);
    await expect.poll(() => names('cust_3'), WAIT).toEqual(['customer.created']);
    await expect.poll(() => dead.length, WAIT).toBe(2);
    expect(dead.map(({ headers }) => headers)).toMatchObject([
      {
        [HEADERS.tenantId]: 'tenant_1',
        [HEADERS.errorReason]: 'unreadable_system_event',
        [HEADERS.errorMessage]: expect.stringContaining('JSON'),
        [HEADERS.originTopic]: 'system_events',
      },
      { [HEADERS.errorMessage]: expect.stringContaining('something else') },
    ]);
    expect(dead[0]?.value.toString()).toBe('{"id":');
  } finally {
    await letters.stop();
  }
});
