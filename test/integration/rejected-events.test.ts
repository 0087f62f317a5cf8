import fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createApp } from '#app/create-app.ts';
import { unavailable } from '#kernel/errors.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { StoredSummary } from '#kernel/stored-summary.ts';
import { readSummaries } from '#ingestion/service/summaries.ts';
import { stageSummaries } from '#ingestion/service/post-processing.ts';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import type { LoggedEvent } from '#ingestion/domain/event.ts';
import { storedProperties } from '#ingestion/domain/properties.ts';
import type { LogMessage } from '#platform/event-log/event-log.ts';
import { fixedClock } from '#kernel/clock.ts';
import { startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { outboxOf } from '../support/follow-up.ts';
import { loggedEvent } from '../support/metering.ts';

// What is told of events that no meter took, past the cases of the conformance suite: what it says, how little it reads, and that nothing goes wrong in between.

const NOW = DateTime.utc(2026, 3, 15, 12);
const AT = NOW.minus({ hours: 1 });
const clock = fixedClock(NOW);
let api: TestApi;
let tenants = 0;
let offset = 1000n;

beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
});
afterEach(() => {
  vi.restoreAllMocks();
  clock.set(clock.now().plus({ hours: 1 }));
});
afterAll(() => api.close());

interface Sketch {
  readonly name: string;
  readonly customer?: string;
  readonly properties?: Record<string, unknown>;
  readonly at?: DateTime;
}

/** Stores events of a tenant as one batch of the log; what the consumer then says of it. */
async function stored(tenant: TestTenant, sketches: readonly Sketch[]): Promise<StoredSummary> {
  const { tenantId, environmentId } = tenant.ctx;
  const first = offset;
  const events = sketches.map(
    ({ name, customer = 'c1', properties = {}, at = AT }): LoggedEvent => ({
      ...loggedEvent({ id: `e${offset}`, at: '2026-03-01T00:00:00Z' }),
      tenantId,
      environmentId,
      eventName: name,
      externalCustomerId: customer,
      source: 'web',
      properties: storedProperties(properties),
      timestamp: at.toMillis(),
      ingestedAt: NOW.toMillis(),
      position: { topic: 'events', partition: 0, offset: offset++, line: 0 },
    }),
  );
  await createEventStore(api.app.clickhouse).insert(events, `batch ${first}`);
  const messages = [first, offset - 1n].map((at) => ({ offset: at }) as LogMessage);
  const records = stageSummaries({ topic: 'events', partition: 0, messages, heartbeat: async () => {} }, events);
  return readSummaries({ messages: records.map((record): LogMessage => ({ ...record, offset: 0n, timestamp: NOW })) })
    .summaries[0] as StoredSummary;
}
const meter = async (tenant: TestTenant, name: string, filters: readonly object[] = []): Promise<string> => {
  const made = await tenant.request('POST', '/v1/meters', {
    name,
    event_name: name,
    aggregation: { type: 'COUNT' },
    filters,
    reset_usage: 'BILLING_PERIOD',
  });
  expect(made.status).toBe(201);
  return made.body.id;
};
const newTenant = () => api.tenant(`Rejected ${tenants++}`);
const said = async (tenant: TestTenant) => (await outboxOf(api.app, tenant.ctx, 'event.rejected')).map(({ payload }) => payload);
const notice = (tenant: TestTenant, ...summaries: StoredSummary[]) => api.app.rejections.notice(tenant.ctx, summaries);

test('it shows the event as it was sent', async () => {
  const tenant = await newTenant();
  await notice(tenant, await stored(tenant, [{ name: 'shown', customer: 'acme', properties: { model: 'a', n: 0.5, deep: { x: [1] } } }]));
  const [row] = await outboxOf(api.app, tenant.ctx, 'event.rejected');
  expect(row).toMatchObject({ entityType: 'event', actorType: 'system' });
  expect(row?.payload).toEqual({
    event_type: 'event.rejected',
    reason: 'no_meter_for_event_name',
    event: {
      id: row?.entityId,
      event_name: 'shown',
      customer_id: '',
      external_customer_id: 'acme',
      source: 'web',
      properties: { model: 'a', n: 0.5, deep: { x: [1] } },
      timestamp: '2026-03-15T11:00:00Z',
    },
  });
});

test('names that a meter takes whole are not looked for, nor names that were told of lately', async () => {
  const tenant = await newTenant();
  await meter(tenant, 'whole');
  await meter(tenant, 'whole', [{ key: 'model', values: ['a'] }]);
  const query = vi.spyOn(api.app.clickhouse, 'query');
  await notice(
    tenant,
    await stored(
      tenant,
      Array.from({ length: 20 }, (_, index) => ({ name: 'whole', customer: `c${index}` })),
    ),
  );
  expect(query).not.toHaveBeenCalled();
  await notice(tenant, await stored(tenant, [{ name: 'unknown' }]));
  const once = query.mock.calls.length;
  const transactions = vi.spyOn(api.app.database, 'withTenant');
  for (let times = 0; times < 3; times += 1) await notice(tenant, await stored(tenant, [{ name: 'unknown' }, { name: 'whole' }]));
  expect([query.mock.calls.length, transactions.mock.calls.length]).toEqual([once, 0]);
  expect(await said(tenant)).toHaveLength(1);
});

test('many names without a meter cost few readings', async () => {
  const tenant = await newTenant();
  const summary = await stored(
    tenant,
    Array.from({ length: 450 }, (_, index) => ({ name: `many-${index}`, customer: `c${index % 300}` })),
  );
  const query = vi.spyOn(api.app.clickhouse, 'query');
  expect(await notice(tenant, summary)).toBe(450);
  expect(query.mock.calls.length).toBe(3);
  expect(await said(tenant)).toHaveLength(450);
});

test('a meter that is made, changed, disabled or deleted counts at once', async () => {
  const tenant = await newTenant();
  // No meter was remembered a moment ago, and one is there now.
  await notice(tenant, await stored(tenant, [{ name: 'other' }]));
  const summary = await stored(tenant, [{ name: 'made' }]);
  vi.spyOn(api.app.clickhouse, 'query').mockResolvedValueOnce([]);
  expect(await notice(tenant, summary)).toBe(0);
  const id = await meter(tenant, 'made');
  expect(await notice(tenant, summary)).toBe(0);
  expect((await said(tenant)).map(({ event }) => (event as { event_name: string }).event_name)).toEqual(['other']);

  const later = () => clock.set(clock.now().plus({ seconds: 2 }));
  later();
  expect((await tenant.request('PUT', `/v1/meters/${id}`, { filters: [{ key: 'model', values: ['a'] }] })).status).toBe(200);
  expect(await notice(tenant, await stored(tenant, [{ name: 'made', properties: { model: 'a' } }]))).toBe(0);
  expect(await notice(tenant, await stored(tenant, [{ name: 'made', properties: { model: 'b' } }]))).toBe(1);
  expect((await said(tenant)).at(-1)).toMatchObject({ reason: 'no_matching_meter', event: { properties: { model: 'b' } } });

  clock.set(clock.now().plus({ hours: 1 }));
  expect((await tenant.request('POST', `/v1/meters/${id}/disable`)).status).toBe(200);
  // What was before the end still counts.
  expect(await notice(tenant, await stored(tenant, [{ name: 'made', properties: { model: 'a' } }]))).toBe(0);
  expect(await notice(tenant, await stored(tenant, [{ name: 'made', properties: { model: 'a' }, at: clock.now() }]))).toBe(1);
  expect((await said(tenant)).at(-1)).toMatchObject({ reason: 'no_meter_for_event_name' });
});

test('told again and again, by several processes at once, it is said once', async () => {
  const tenant = await newTenant();
  const summary = await stored(tenant, [{ name: 'once' }, { name: 'twice' }, { name: 'once' }]);
  const apps = [createApp(api.config, { clock }), createApp(api.config, { clock }), createApp(api.config, { clock })];
  try {
    const counts = await Promise.all([...apps, ...apps].map((app) => app.rejections.notice(tenant.ctx, [summary, summary])));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2);
  } finally {
    await Promise.all(apps.map((app) => app.close()));
  }
  expect(await said(tenant)).toHaveLength(2);
});

test("a window is an environment's own", async () => {
  const [tenant, stranger] = [await newTenant(), await newTenant()];
  for (const each of [tenant, stranger]) expect(await notice(each, await stored(each, [{ name: 'shared' }]))).toBe(1);
  const neighbour = { ...tenant, ctx: { ...tenant.ctx, environmentId: tenant.environments[1]?.id ?? '' } };
  expect(await notice(neighbour, await stored(neighbour, [{ name: 'shared' }]))).toBe(1);
  expect((await said(tenant)).length + (await said(stranger)).length + (await said(neighbour)).length).toBe(3);
});

describe('an end in between', () => {
  test('between the window and what is said leaves neither, and the next time both', async () => {
    const tenant = await newTenant();
    const summary = await stored(tenant, [{ name: 'killed' }]);
    const windows = () =>
      api.app.database.withTenant(tenant.ctx, (tx) => tx.selectFrom('rejectedEventWindows').select('eventName').execute());
    const transaction = api.app.database.withTenant.bind(api.app.database);
    const seen: number[] = [];
    const broken = vi.spyOn(api.app.database, 'withTenant').mockImplementation((ctx, work) =>
      transaction(ctx, async (tx) => {
        const result = await work(tx);
        const opened = await tx.selectFrom('rejectedEventWindows').select('eventName').execute();
        seen.push(opened.length);
        // The process ends before the commit.
        if (opened.length > 0) throw unavailable('postgres', new Error('killed'));
        return result;
      }),
    );
    await expect(notice(tenant, summary)).rejects.toMatchObject({ code: 'service_unavailable' });
    broken.mockRestore();
    expect(seen).toContain(1);
    expect([await windows(), await said(tenant)]).toEqual([[], []]);
    expect(await notice(tenant, summary)).toBe(1);
    expect([(await windows()).length, (await said(tenant)).length]).toEqual([1, 1]);
  });

  test('with ClickHouse away nothing is said, and nothing is lost', async () => {
    const tenant = await newTenant();
    const summary = await stored(tenant, [{ name: 'away' }]);
    const query = vi.spyOn(api.app.clickhouse, 'query').mockRejectedValue(unavailable('clickhouse', new Error('away')));
    await expect(notice(tenant, summary)).rejects.toMatchObject({ code: 'service_unavailable' });
    query.mockRestore();
    expect(await notice(tenant, summary)).toBe(1);
  });
});

test('windows that are over are forgotten', async () => {
  const tenant = await newTenant();
  await notice(
    tenant,
    await stored(
      tenant,
      Array.from({ length: 30 }, (_, index) => ({ name: `old-${index}` })),
    ),
  );
  clock.set(clock.now().plus({ seconds: 600 }));
  await notice(tenant, await stored(tenant, [{ name: 'new' }]));
  const left = await api.app.database.withTenant(tenant.ctx, (tx) => tx.selectFrom('rejectedEventWindows').select('eventName').execute());
  expect(left).toEqual([{ eventName: 'new' }]);
});

test('after any events, with any meters, it tells what a loop over the events says', async () => {
  const NAMES = ['n0', 'n1'];
  const filter = fc.record({ key: fc.constantFrom('k', 'k', 'l'), values: fc.subarray(['a', '1', 'true'], { minLength: 1 }) });
  const meters = fc.array(
    fc.record({
      name: fc.constantFrom(...NAMES),
      filters: fc.uniqueArray(filter, { minLength: 0, maxLength: 2, selector: ({ key }) => key }),
      disabledAt: fc.option(fc.integer({ min: 0, max: 4 }), { freq: 3 }),
    }),
    { maxLength: 4 },
  );
  const event = fc.record({
    name: fc.constantFrom(...NAMES),
    customer: fc.constantFrom('x', 'y'),
    at: fc.integer({ min: 0, max: 4 }),
    properties: fc.record(
      { k: fc.constantFrom<unknown>('a', 'b', 1, true, null, 1.5), l: fc.constantFrom<unknown>('a', 1, true) },
      { requiredKeys: [] },
    ),
  });
  const text = (value: unknown): string | undefined => (value === undefined || value === null ? undefined : String(value));
  await fc.assert(
    fc.asyncProperty(meters, fc.array(event, { minLength: 1, maxLength: 8 }), async (defined, sent) => {
      const tenant = await newTenant();
      for (const { name, filters, disabledAt } of defined) {
        const id = await meter(tenant, name, filters);
        if (disabledAt !== null)
          await api.app.database.withTenant(tenant.ctx, (tx) =>
            tx
              .updateTable('meters')
              .set({ disabledAt: AT.plus({ minutes: disabledAt }) } as Partial<Meter>)
              .where('id', '=', id)
              .execute(),
          );
      }
      // The oracle: every event against every meter, in the words of the reference.
      const expected = new Map<string, Set<string>>();
      for (const { name, at, properties } of sent) {
        const alive = defined.filter((each) => each.name === name && (each.disabledAt === null || at < each.disabledAt));
        const taken = alive.some(({ filters }) =>
          filters.every(({ key, values }) => values.includes(text((properties as Record<string, unknown>)[key]) ?? '\u0000')),
        );
        if (!taken)
          expected.set(name, (expected.get(name) ?? new Set()).add(alive.length === 0 ? 'no_meter_for_event_name' : 'no_matching_meter'));
      }
      await notice(
        tenant,
        await stored(
          tenant,
          sent.map(({ at, ...each }) => ({ ...each, at: AT.plus({ minutes: at }) })),
        ),
      );
      const told = (await said(tenant)) as unknown as { reason: string; event: { event_name: string } }[];
      expect(told.map(({ event: { event_name } }) => event_name).sort()).toEqual([...expected.keys()].sort());
      for (const {
        reason,
        event: { event_name },
      } of told)
        expect(expected.get(event_name)).toContain(reason);
    }),
    { numRuns: 40 },
  );
}, 120_000);
