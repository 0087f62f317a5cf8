import { DateTime } from 'luxon';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type App, createApp } from '#app/create-app.ts';
import { unavailable } from '#kernel/errors.ts';
import { runCustomerOnboarding } from '#onboarding/jobs/customer-onboarding.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { ActivityFailedError } from '#platform/workflows/job.ts';
import { retryingActivities } from '#platform/workflows/local/activity-runner.ts';
import { followUp } from '#app/followers.ts';
import type { TestTenant } from '../support/api.ts';
import { followedUp, outboxOf } from '../support/follow-up.ts';
import { type MeteringApi, startMeteringApi } from '../support/metering-api.ts';

// Customers that are made because events name them (metering.md 1.5, D9).

const CUSTOMER = { action: 'create_customer' };
const NOW = DateTime.utc(2026, 3, 15, 12);
let api: MeteringApi;
let tenant: TestTenant;
let tenants = 0;
beforeAll(async () => {
  api = await startMeteringApi(NOW);
});
beforeEach(async () => {
  tenant = await api.tenant(`Onboarding ${tenants++}`);
});
afterAll(() => api.close());

const set = async (actions: readonly object[], of: TestTenant = tenant) =>
  expect((await of.request('PUT', '/v1/settings/customer_onboarding', { value: actions })).status).toBe(200);
const made = async (path: string, body: object): Promise<string> => {
  const answer = await tenant.request('POST', path, body);
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  return answer.body.id;
};
const plan = async (lookup_key: string): Promise<string> => {
  const id = await made('/v1/plans', { name: 'Starter', lookup_key });
  await made('/v1/prices', {
    entity_type: 'PLAN',
    entity_id: id,
    type: 'FIXED',
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    billing_period_count: 1,
    invoice_cadence: 'ADVANCE',
    price_unit_type: 'FIAT',
    currency: 'usd',
    amount: '10',
  });
  return id;
};
const subscribeTo = (lookup: object) => ({
  action: 'create_subscription',
  currency: 'USD',
  billing_period: 'MONTHLY',
  billing_cycle: 'anniversary',
  metadata: { by: 'onboarding' },
  ...lookup,
});
const customers = async (of: TestTenant = tenant): Promise<{ id: string; external_id: string; name: string }[]> =>
  (await of.request('GET', '/v1/customers')).body.items;
const subscriptions = async (): Promise<{ customer_id: string; plan_id: string; start_date: string; metadata: object }[]> =>
  (await tenant.request('GET', '/v1/subscriptions')).body.items;
const rows = () =>
  api.app.database.withTenant(tenant.ctx, (tx) => tx.selectFrom('customerOnboardings').selectAll().orderBy('externalCustomerId').execute());
const starts = async (of: TestTenant = tenant) =>
  (await outboxOf(api.app, of.ctx, 'job.start')).map(
    ({ payload }) => payload as { workflow_id: string; input: { tenantId: string; environmentId: string; onboardingId: string } },
  );
const later = (duration: object) => api.clock.set(api.clock.now().plus(duration));

/** Runs what was started, as the driver in process does: three attempts, without the pauses in between. */
async function runAll(app: App = api.app): Promise<unknown[]> {
  const activities = retryingActivities(
    app.onboardingActivities as never,
    { retry: { initialIntervalMs: 0, backoffCoefficient: 1, maximumIntervalMs: 0, maximumAttempts: 3 }, activityTimeoutMs: 60_000 },
    { workflowId: 'test', sleep: async () => {}, stopping: new AbortController().signal, onInterrupt: () => {} },
  );
  const results: unknown[] = [];
  for (const { input } of await starts())
    results.push(await runCustomerOnboarding(activities as never, input).catch((error: unknown) => error));
  return results;
}

describe('what is wanted', () => {
  test('the customer is made under its external id, then subscribed from when it was first seen', async () => {
    const planId = await plan('starter');
    await set([CUSTOMER, subscribeTo({ plan_lookup_key: 'starter' })]);
    expect(await api.app.onboarding.notice(tenant.ctx, ['acme', 'acme', 'globex'])).toBe(2);
    later({ minutes: 5 });
    expect(await runAll()).toEqual([{ completed: true }, { completed: true }]);
    const found = await customers();
    expect(found.map(({ external_id, name }) => [external_id, name]).sort()).toEqual([
      ['acme', 'acme'],
      ['globex', 'globex'],
    ]);
    const subscribed = await subscriptions();
    expect(subscribed.map(({ customer_id }) => customer_id).sort()).toEqual(found.map(({ id }) => id).sort());
    for (const each of subscribed)
      expect(each).toMatchObject({
        plan_id: planId,
        currency: 'usd',
        metadata: { by: 'onboarding' },
        start_date: api.clock.now().minus({ minutes: 5 }).toISO({ suppressMilliseconds: true }),
      });
    expect((await rows()).map(({ runStatus, stepsDone, failureReason }) => [runStatus, stepsDone, failureReason])).toEqual([
      ['completed', 2, null],
      ['completed', 2, null],
    ]);
  });

  test.each<[what: string, actions: readonly object[] | null]>([
    ['nothing was set', null],
    ['there are no actions', []],
  ])('nobody is made where %s', async (_, actions) => {
    if (actions !== null) await set(actions);
    expect(await api.app.onboarding.notice(tenant.ctx, ['acme'])).toBe(0);
    expect([await customers(), await rows(), await starts()]).toEqual([[], [], []]);
  });

  test('a setting is followed within seconds, without a restart, by events that come then', async () => {
    expect(await api.app.onboarding.notice(tenant.ctx, ['before'])).toBe(0);
    await set([CUSTOMER]);
    later({ seconds: 11 });
    expect(await api.app.onboarding.notice(tenant.ctx, ['before', 'after'])).toBe(2);
    await set([]);
    later({ seconds: 11 });
    expect(await api.app.onboarding.notice(tenant.ctx, ['late'])).toBe(0);
  });

  test('it concerns one environment of one tenant', async () => {
    const stranger = await api.tenant('No onboarding');
    await set([CUSTOMER]);
    const neighbour = { ...tenant.ctx, environmentId: tenant.environments[1]?.id ?? '' };
    for (const ctx of [stranger.ctx, neighbour]) expect(await api.app.onboarding.notice(ctx, ['acme'])).toBe(0);
    expect(await api.app.onboarding.notice(tenant.ctx, ['acme'])).toBe(1);
    await runAll();
    // Where the same id is somebody else's it stays so: each environment has customers of its own.
    await set([CUSTOMER], stranger);
    later({ seconds: 11 });
    expect(await api.app.onboarding.notice(stranger.ctx, ['acme'])).toBe(1);
    expect([(await customers()).length, (await customers(stranger)).length]).toEqual([1, 0]);
    expect((await starts(stranger)).map(({ input }) => input.tenantId)).toEqual([stranger.ctx.tenantId]);
  });

  test('an archived customer is not made again', async () => {
    await set([CUSTOMER]);
    await api.app.onboarding.notice(tenant.ctx, ['gone']);
    await runAll();
    expect((await tenant.request('DELETE', `/v1/customers/${(await customers())[0]?.id}`)).status).toBe(204);
    later({ hours: 2 });
    expect(await api.app.onboarding.notice(tenant.ctx, ['gone'])).toBe(0);
  });
});

describe('once', () => {
  test('for two processes that are told the same at the same time, again and again', async () => {
    await set([CUSTOMER]);
    const apps = [createApp(api.config, { clock: api.clock }), createApp(api.config, { clock: api.clock })];
    const ids = Array.from({ length: 40 }, (_, index) => `c${index}`);
    try {
      const counts = await Promise.all(
        [...apps, ...apps].map((app, index) => app.onboarding.notice(tenant.ctx, index % 2 === 0 ? ids : [...ids].reverse())),
      );
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(40);
    } finally {
      await Promise.all(apps.map((app) => app.close()));
    }
    expect([(await rows()).length, (await starts()).length, new Set((await starts()).map(({ workflow_id }) => workflow_id)).size]).toEqual([
      40, 40, 40,
    ]);
  });

  test('whoever is known is asked for once in a while', async () => {
    await made('/v1/customers', { external_id: 'known', name: 'Known' });
    await set([CUSTOMER]);
    await api.app.onboarding.notice(tenant.ctx, ['known']);
    const asked = vi.spyOn(api.app.database, 'withTenant');
    for (let times = 0; times < 5; times += 1) expect(await api.app.onboarding.notice(tenant.ctx, ['known'])).toBe(0);
    expect(asked.mock.calls.filter(([ctx]) => ctx.tenantId === tenant.ctx.tenantId)).toEqual([]);
    asked.mockRestore();
    expect(await starts()).toEqual([]);
  });

  test('while the API makes the same customers', async () => {
    await set([CUSTOMER]);
    const ids = Array.from({ length: 20 }, (_, index) => `raced-${index}`);
    await api.app.onboarding.notice(tenant.ctx, ids);
    const started = await starts();
    const make = (some: readonly string[]) =>
      Promise.all(some.map((external_id) => tenant.request('POST', '/v1/customers', { external_id, name: `By the API ${external_id}` })));
    const early = await make(ids.slice(0, 5));
    expect(early.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    const [raced] = await Promise.all([
      make(ids.slice(5)),
      Promise.all(started.map(({ input }) => runCustomerOnboarding(api.app.onboardingActivities, input))),
    ]);
    const answers = [...early, ...raced];
    for (const { status } of answers) expect([201, 409]).toContain(status);
    const found = await customers();
    expect(found.map(({ external_id }) => external_id).sort()).toEqual([...ids].sort());
    // Whoever was answered 201 made it, and nobody else.
    expect(found.filter(({ name }) => name.startsWith('By the API'))).toHaveLength(answers.filter(({ status }) => status === 201).length);
    expect(await outboxOf(api.app, tenant.ctx, 'customer.created')).toHaveLength(20);
    expect((await rows()).every(({ runStatus }) => runStatus === 'completed')).toBe(true);
  });

  test('a step that is repeated, or taken twice at once, is done once', async () => {
    await plan('once');
    await set([CUSTOMER, subscribeTo({ plan_lookup_key: 'once' }), subscribeTo({ plan_lookup_key: 'once' })]);
    await api.app.onboarding.notice(tenant.ctx, ['acme']);
    const [{ input }] = (await starts()) as [Awaited<ReturnType<typeof starts>>[number]];
    const left = await Promise.all(Array.from({ length: 6 }, () => api.app.onboardingActivities.takeOnboardingStep(input)));
    expect(left.map((each) => each.left).sort()).toEqual([0, 0, 0, 0, 1, 2]);
    expect([(await customers()).length, (await subscriptions()).length]).toEqual([1, 2]);
  });

  test('an end between a subscription and its count makes neither', async () => {
    await plan('cut');
    await set([CUSTOMER, subscribeTo({ plan_lookup_key: 'cut' })]);
    await api.app.onboarding.notice(tenant.ctx, ['acme']);
    const [{ input }] = (await starts()) as [Awaited<ReturnType<typeof starts>>[number]];
    await api.app.onboardingActivities.takeOnboardingStep(input);
    const transaction = api.app.database.withTenant.bind(api.app.database);
    const broken = vi.spyOn(api.app.database, 'withTenant').mockImplementation((ctx, work) =>
      transaction(ctx, async (tx) => {
        const result = await work(tx);
        if (ctx.transaction === undefined) throw unavailable('postgres', new Error('killed'));
        return result;
      }),
    );
    await expect(api.app.onboardingActivities.takeOnboardingStep(input)).rejects.toMatchObject({ code: 'service_unavailable' });
    broken.mockRestore();
    expect([(await subscriptions()).length, (await rows())[0]?.stepsDone]).toEqual([0, 1]);
    expect(await runAll()).toEqual([{ completed: true }]);
    expect((await subscriptions()).length).toBe(1);
  });

  test('an end between the claim and the start of its job leaves neither', async () => {
    await set([CUSTOMER]);
    const transaction = api.app.database.withTenant.bind(api.app.database);
    const broken = vi.spyOn(api.app.database, 'withTenant').mockImplementation((ctx, work) =>
      transaction(ctx, async (tx) => {
        const result = await work(tx);
        if ((await tx.selectFrom('customerOnboardings').select('id').execute()).length > 0)
          throw unavailable('postgres', new Error('killed'));
        return result;
      }),
    );
    await expect(api.app.onboarding.notice(tenant.ctx, ['acme'])).rejects.toMatchObject({ code: 'service_unavailable' });
    broken.mockRestore();
    expect([await rows(), await starts()]).toEqual([[], []]);
    expect(await api.app.onboarding.notice(tenant.ctx, ['acme'])).toBe(1);
  });
});

describe('an action that fails', () => {
  test('is seen in its row and in the audit stream; what was done stays, and once it can be done it is, once', async () => {
    await set([CUSTOMER, subscribeTo({ plan_lookup_key: 'later' })]);
    await api.app.onboarding.notice(tenant.ctx, ['acme']);
    expect(await runAll()).toEqual([expect.any(ActivityFailedError)]);
    expect(await rows()).toMatchObject([{ runStatus: 'failed', stepsDone: 1, failureReason: 'plan not found' }]);
    expect((await outboxOf(api.app, tenant.ctx, 'customer_onboarding.failed')).map(({ payload }) => payload)).toMatchObject([
      { external_customer_id: 'acme', steps_done: 1, reason: 'plan not found' },
    ]);
    expect([(await customers()).length, (await subscriptions()).length]).toEqual([1, 0]);

    await plan('later');
    expect(await api.app.onboarding.notice(tenant.ctx, ['acme'])).toBe(0);
    later({ minutes: 61 });
    expect(await api.app.onboarding.notice(tenant.ctx, ['acme'])).toBe(1);
    // The same id: the driver starts a job that has failed again, and no other.
    expect(new Set((await starts()).map(({ workflow_id }) => workflow_id)).size).toBe(1);
    expect((await runAll())[0]).toEqual({ completed: true });
    expect([(await customers()).length, (await subscriptions()).length, (await rows())[0]?.runStatus]).toEqual([1, 1, 'completed']);
  });

  test('for want of an engine is tried again', async () => {
    await set([CUSTOMER]);
    await api.app.onboarding.notice(tenant.ctx, ['acme']);
    const step = vi
      .spyOn(api.app.onboarding, 'step')
      .mockRejectedValueOnce(unavailable('postgres', new Error('away')))
      .mockRejectedValueOnce(unavailable('postgres', new Error('away')));
    expect(await runAll()).toEqual([{ completed: true }]);
    step.mockRestore();
    expect(await customers()).toHaveLength(1);
  });
});

test('over the real log: events start it, whichever route brings them, and wait for nothing', async () => {
  await plan('from-the-first-event');
  await set([CUSTOMER, subscribeTo({ plan_lookup_key: 'from-the-first-event' })]);
  await made('/v1/customers', { external_id: 'known', name: 'Known' });
  const second = createApp(api.config, { clock: api.clock });
  api.clock.set(NOW);
  const following = [
    await followUp(api.app)({ eventLog: await api.app.eventLog, logger: silentLogger }),
    await followUp(second)({ eventLog: await second.eventLog, logger: silentLogger }),
  ];
  try {
    const at = '2026-03-15T11:00:00Z';
    await api.store(
      'new',
      [
        { id: 'o1', at },
        { id: 'o2', at },
      ],
      tenant,
    );
    await api.store('known', [{ id: 'o3', at }], tenant);
    expect(
      (await tenant.request('POST', '/v1/events', { event_id: 'o4', event_name: 'call', external_customer_id: 'single', timestamp: at }))
        .status,
    ).toBe(202);
    expect(
      (
        await tenant.request('POST', '/v1/events/raw/bulk', {
          events: [{ id: 'o5', orgId: 'raw', methodName: 'chat', providerName: 'p', createdAt: at }],
        })
      ).status,
    ).toBe(202);
    // A copy stores nothing, and starts nothing.
    await api.store('new', [{ id: 'o1', at }], tenant);
    await expect
      .poll(async () => (await rows()).map(({ externalCustomerId }) => externalCustomerId), { timeout: 20_000, interval: 50 })
      .toEqual(['new', 'raw', 'single']);
    await followedUp(api.app);
    await runAll();
    expect((await customers()).map(({ external_id }) => external_id).sort()).toEqual(['known', 'new', 'raw', 'single']);
    expect(await starts()).toHaveLength(3);
    // They are charged for the events that they came with.
    expect((await subscriptions()).map(({ start_date }) => start_date)).toEqual([at, at, at]);
  } finally {
    await Promise.all(following.map((each) => each.stop()));
    await second.close();
  }
});
