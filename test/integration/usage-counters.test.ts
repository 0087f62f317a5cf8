import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { runReconcileCounters } from '#counters/jobs/reconcile-counters.ts';
import { COUNTER_GROUP, startCounterConsumer } from '#counters/service/counter-consumer.ts';
import { unavailable } from '#kernel/errors.ts';
import type { LogRecord } from '#platform/event-log/event-log.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import { countedEvent as event, deliver, NOW, storing } from '../support/counters.ts';
import { ensureTopics } from '../support/events.ts';
import { type LimitsApi, startLimitsApi } from '../support/limits.ts';
import { utc } from '../support/metering.ts';

const WAIT = { timeout: 20_000, interval: 30 };
let api: LimitsApi;
let calls: string;
let tokens: string;
beforeAll(async () => {
  api = await startLimitsApi(NOW);
  calls = await api.feature('calls');
  tokens = await api.feature('tokens', { type: 'SUM', field: 'n' });
  await ensureTopics(api.app);
});
beforeEach(() => api.clock.set(utc(NOW)));
afterAll(() => api.close());

const check = (externalId: string, feature: string = 'calls') =>
  api.got(`/v1/customers/external/${externalId}/entitlements/check?feature=${feature}`);
const usageOf = async (externalId: string, feature: string = 'calls') => (await check(externalId, feature)).usage;
const summed = async (customerId: string, feature: string) =>
  (await api.got(`/v1/customers/${customerId}/usage?feature_ids=${feature}`)).features[0].current_usage;
const rows = (externalId: string) =>
  api.app.database.withTenant(api.ctx, (tx) =>
    tx.selectFrom('usageCounters').selectAll().where('externalCustomerId', '=', externalId).execute(),
  );
const spoil = (externalId: string, value: string) =>
  api.app.database.withTenant(api.ctx, (tx) =>
    tx
      .updateTable('usageCounters')
      .set({ value: value as never })
      .where('externalCustomerId', '=', externalId)
      .execute(),
  );

test('the first check counts once, the next ones read the counter; stored events move it, with the watermark', async () => {
  const { externalId } = await api.limited({ [calls]: { limit: 3 } });
  const { said, store } = storing(api);
  await store([event('a1', externalId), event('a2', externalId)]);
  const query = vi.spyOn(api.app.clickhouse, 'query');
  expect(await check(externalId)).toMatchObject({ allowed: true, usage: '2', remaining: '1', watermark: NOW });
  const once = query.mock.calls.length;
  for (let times = 0; times < 5; times += 1) expect(await usageOf(externalId)).toBe('2');
  expect(query.mock.calls.length).toBe(once);

  await store([event('a3', externalId)], utc('2026-03-18T12:00:05Z'));
  expect(await check(externalId)).toMatchObject({ allowed: true, usage: '2', watermark: NOW });
  await deliver(api, said);
  expect(await check(externalId)).toMatchObject({
    allowed: false,
    reason: 'limit_exceeded',
    usage: '3',
    remaining: '0',
    watermark: '2026-03-18T12:00:05Z',
  });
  query.mockRestore();
});

test('redelivered batches, duplicates and records that come twice leave the counter exact', async () => {
  const { externalId } = await api.limited({ [tokens]: { limit: 100 } });
  const { said, store, redeliver } = storing(api);
  const token = (id: string, n: string) => event(id, externalId, { eventName: 'tokens', properties: `{"n":"${n}"}` });
  expect(await usageOf(externalId, 'tokens')).toBe('0');
  const batch = await store([token('b1', '0.1'), token('b2', '0.2'), token('b1', '0.1')]);
  await deliver(api, said);
  await redeliver(batch);
  await store([token('b2', '0.2')]);
  await deliver(api, [...said, ...said]);
  expect(await usageOf(externalId, 'tokens')).toBe('0.3');
  expect(await rows(externalId)).toHaveLength(1);
});

describe('readings that overlap', () => {
  test('one that began earlier never overwrites a later one', async () => {
    const { externalId } = await api.limited({ [calls]: { limit: 10 } });
    const { said, store } = storing(api);
    await usageOf(externalId);
    await store([event('c1', externalId)]);
    const read = api.app.clickhouse.query.bind(api.app.clickhouse);
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const query = vi.spyOn(api.app.clickhouse, 'query').mockImplementation(async (...question) => {
      const answer = await read(...question);
      if (question[0].startsWith('SELECT toUInt32')) {
        reached.resolve();
        await held.promise;
      }
      return answer as never;
    });
    const early = deliver(api, said);
    await reached.promise;
    query.mockRestore();
    await store([event('c2', externalId)]);
    await deliver(api, said);
    expect(await usageOf(externalId)).toBe('2');
    held.resolve();
    await early;
    expect(await usageOf(externalId)).toBe('2');
  });

  test('an event that is stored while the first check counts is seen by its record', async () => {
    const { externalId } = await api.limited({ [calls]: { limit: 10 } });
    const { said, store } = storing(api);
    const read = api.app.clickhouse.query.bind(api.app.clickhouse);
    const query = vi.spyOn(api.app.clickhouse, 'query').mockImplementation(async (...question) => {
      const answer = await read(...question);
      if (question[0].startsWith('SELECT toUInt32')) {
        query.mockRestore();
        await store([event('d1', externalId)]);
        await deliver(api, said);
      }
      return answer as never;
    });
    expect(await usageOf(externalId)).toBe('0');
    expect(await usageOf(externalId)).toBe('1');
  });

  test('checks at once count once', async () => {
    const { externalId } = await api.limited({ [calls]: { limit: 10 } });
    const query = vi.spyOn(api.app.clickhouse, 'query');
    await Promise.all(Array.from({ length: 10 }, () => check(externalId)));
    expect(query.mock.calls.length).toBe(1);
    query.mockRestore();
  });
});

test('a store that is away fails the first check and the round, and nothing is lost', async () => {
  const { externalId } = await api.limited({ [calls]: { limit: 10 } });
  const { said, store } = storing(api);
  await store([event('e1', externalId)]);
  const query = vi.spyOn(api.app.clickhouse, 'query').mockRejectedValue(unavailable('clickhouse', new Error('away')));
  expect((await api.request('GET', `/v1/customers/external/${externalId}/entitlements/check?feature=calls`)).status).toBe(503);
  await expect(deliver(api, said)).rejects.toMatchObject({ code: 'service_unavailable' });
  query.mockRestore();
  await deliver(api, said);
  expect((await rows(externalId)).map(({ value }) => value?.toFixed())).toEqual(['1']);
});

test('a changed meter has another counter at once, and the old one goes', async () => {
  const feature = await api.feature('filtered');
  const { externalId } = await api.limited({ [feature]: { limit: 10 } });
  const { said, store } = storing(api);
  await store([
    event('f1', externalId, { eventName: 'filtered', properties: '{"model":"a"}' }),
    event('f2', externalId, { eventName: 'filtered', properties: '{"model":"b"}' }),
  ]);
  expect(await usageOf(externalId, 'filtered')).toBe('2');
  const { meter_id } = await api.got(`/v1/features/${feature}`);
  expect((await api.request('PUT', `/v1/meters/${meter_id}`, { filters: [{ key: 'model', values: ['a'] }] })).status).toBe(200);
  // The check still remembers the old meter, whose counter is gone: it finds the new one.
  await deliver(api, said);
  expect(await rows(externalId)).toEqual([]);
  expect(await usageOf(externalId, 'filtered')).toBe('1');
  api.clock.set(utc('2026-03-18T12:00:02Z'));
  expect(await usageOf(externalId, 'filtered')).toBe('1');
  expect((await rows(externalId)).map(({ meterVersion }) => meterVersion)).toEqual([2]);
});

describe('the reconcile job', () => {
  test('mends drift, deletes closed windows and what nobody asks for, in every tenant', async () => {
    const { externalId } = await api.limited({ [calls]: { limit: 10, reset: 'DAILY' } });
    const other = await api.limited({ [tokens]: { limit: 10 } });
    const { store } = storing(api);
    await store([event('g1', externalId)]);
    await usageOf(externalId);
    await usageOf(other.externalId, 'tokens');
    await spoil(externalId, '7');
    await runReconcileCounters(api.app.counterActivities);
    expect(await usageOf(externalId)).toBe('7');
    api.clock.set(utc('2026-03-18T12:10:01Z'));
    await runReconcileCounters(api.app.counterActivities);
    expect(await usageOf(externalId)).toBe('1');

    api.clock.set(utc('2026-03-19T01:30:00Z'));
    expect(await usageOf(externalId)).toBe('0');
    expect(await rows(externalId)).toHaveLength(2);
    await runReconcileCounters(api.app.counterActivities);
    expect((await rows(externalId)).map(({ windowStart }) => windowStart.toISODate())).toEqual(['2026-03-19']);
    expect(await rows(other.externalId)).toHaveLength(1);
    api.clock.set(utc('2026-03-26T12:00:00Z'));
    await runReconcileCounters(api.app.counterActivities);
    expect(await rows(other.externalId)).toEqual([]);
    expect(await usageOf(other.externalId, 'tokens')).toBe('0');
  });

  test('an environment that fails holds up no other', async () => {
    const stranger = await api.tenant('Stranger');
    const {
      body: { id },
    } = await stranger.request('POST', '/v1/meters', {
      name: 'Calls',
      event_name: 'calls',
      aggregation: { type: 'COUNT' },
      reset_usage: 'BILLING_PERIOD',
    });
    const question = {
      externalCustomerId: 'theirs',
      meter: await api.app.meters.get(stranger.ctx, id),
      window: { start: utc('2026-03-01'), end: utc('2026-04-01') },
      timezone: 'UTC',
    };
    await api.app.counters.current(stranger.ctx, question);
    const theirs = () =>
      api.app.database.withTenant(stranger.ctx, (tx) => tx.selectFrom('usageCounters').select('countedAt').executeTakeFirstOrThrow());
    const { externalId } = await api.limited({ [calls]: { limit: 10 } });
    await usageOf(externalId);
    await spoil(externalId, '7');
    api.clock.set(utc('2026-03-18T12:20:00Z'));
    const meterUsages = api.app.usage.meterUsages.bind(api.app.usage);
    const spy = vi.spyOn(api.app.usage, 'meterUsages').mockImplementation(async (ctx, requests) => {
      if (ctx.tenantId === api.ctx.tenantId) throw new Error('cannot be read');
      return meterUsages(ctx, requests);
    });
    await expect(runReconcileCounters(api.app.counterActivities)).rejects.toThrow('cannot be read');
    spy.mockRestore();
    expect((await theirs()).countedAt.toISO()).toBe('2026-03-18T12:20:00.000Z');
    await runReconcileCounters(api.app.counterActivities);
    expect(await usageOf(externalId)).toBe('0');
  });
});

test('what cannot be read goes to the dead letters and holds nothing up', async () => {
  const { externalId } = await api.limited({ [calls]: { limit: 10 } });
  const { said, store } = storing(api);
  await usageOf(externalId);
  await store([event('h1', externalId)]);
  const [good] = said as [LogRecord];
  await deliver(api, [{ ...good, value: Buffer.from('no json') }, { ...good, headers: {} }, { ...good, value: Buffer.from('{}') }, good]);
  expect(await usageOf(externalId)).toBe('1');
});

test('over the real log: a customer is read at most once in a round, however many records come', async () => {
  const { externalId } = await api.limited({ [calls]: { limit: 100 } });
  await usageOf(externalId);
  const eventLog = await api.app.eventLog;
  const { said, store } = storing(api);
  const refresh = vi.spyOn(api.app.counters, 'refreshTouched');
  const started = performance.now();
  const consumer = await startCounterConsumer({
    eventLog,
    counters: api.app.counters,
    clock: api.clock,
    logger: silentLogger,
    roundMs: 300,
  });
  try {
    for (let index = 0; index < 20; index += 1) {
      await store([event(`i${index}`, externalId)]);
      await eventLog.append(TOPICS.eventsPostProcessing, said.splice(0));
    }
    await expect.poll(() => usageOf(externalId), WAIT).toBe('20');
    await expect
      .poll(
        async () => (await eventLog.lag(COUNTER_GROUP, TOPICS.eventsPostProcessing)).every(({ end, committed }) => end === committed),
        WAIT,
      )
      .toBe(true);
    expect(refresh.mock.calls.length).toBeLessThanOrEqual(2 + (performance.now() - started) / 300);
  } finally {
    await consumer.stop();
    refresh.mockRestore();
  }
});

let run = 0;
test('after any events, in any order of storing, telling and asking, the counter is what ClickHouse says', async () => {
  const step = fc.record({
    id: fc.integer({ min: 0, max: 6 }),
    n: fc.integer({ min: -300, max: 900 }),
    day: fc.integer({ min: 16, max: 19 }),
    next: fc.constantFrom('nothing', 'tell', 'tell', 'ask', 'redeliver', 'reconcile'),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 10 }),
      fc.constantFrom('DAILY', 'WEEKLY', 'MONTHLY', 'NEVER'),
      async (steps, reset) => {
        run += 1;
        const { customerId, externalId } = await api.limited({ [tokens]: { limit: 10, reset } }, { start_date: '2026-03-17T00:00:00Z' });
        const { said, store, redeliver } = storing(api);
        for (const { id, n, day, next } of steps) {
          const batch = await store([
            event(`r${run}-${id}`, externalId, {
              eventName: 'tokens',
              timestamp: utc(`2026-03-${day}T06:00:00Z`).toMillis(),
              properties: `{"n":${n / 100}}`,
            }),
          ]);
          if (next === 'tell') await deliver(api, said.splice(0));
          if (next === 'ask') await check(externalId, 'tokens');
          if (next === 'redeliver') await redeliver(batch);
          if (next === 'reconcile') await runReconcileCounters(api.app.counterActivities);
        }
        await deliver(api, said);
        expect(await usageOf(externalId, 'tokens')).toBe(await summed(customerId, tokens));
      },
    ),
    { numRuns: 12 },
  );
}, 120_000);
