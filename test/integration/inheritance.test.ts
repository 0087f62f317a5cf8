import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Answer } from '../support/api.ts';
import { superuser } from '../support/engines.ts';
import { type BillingApi, codeAssist, type LlmPlan, makeLlmPlan, startBillingApi, utc } from '../support/billing-api.ts';

// Subscriptions that customers inherit: who may, what follows the parent, and what is refused before anything is written.

const NOW = utc('2026-03-10T12:00:00');
const LIST = 'inheritance.external_customer_ids_to_inherit_subscription';
const PARENT = 'inheritance.parent_subscription_id';
let api: BillingApi;
let plan: LlmPlan;
beforeAll(async () => {
  api = await startBillingApi(NOW);
  plan = await makeLlmPlan(api);
});
beforeEach(() => {
  api.clock.set(NOW);
  api.events = [];
});
afterAll(() => api.close());

let sequence = 0;
/** New customers, by their external ids. */
async function customers(count: number): Promise<string[]> {
  const names = Array.from({ length: count }, () => `customer-${++sequence}`);
  for (const name of names) await api.made('POST', '/v1/customers', { external_id: name, name });
  return names;
}

const request = (external_customer_id: string, more: object = {}) => ({
  external_customer_id,
  plan_id: plan.planId,
  currency: 'usd',
  billing_period: 'MONTHLY',
  start_date: '2026-03-01T00:00:00Z',
  ...more,
});
const children = (...names: readonly string[]) => ({ inheritance: { external_customer_ids_to_inherit_subscription: names } });
const under = (id: string) => ({ inheritance: { parent_subscription_id: id } });
const subscribe = (customer: string, more: object = {}): Promise<Answer['body']> =>
  api.made('POST', '/v1/subscriptions', request(customer, more));
const get = (id: string): Promise<Answer['body']> => api.made('GET', `/v1/subscriptions/${id}`);
const search = async (body: object): Promise<Answer['body'][]> =>
  (await api.made('POST', '/v1/subscriptions/search', { sort: [{ field: 'created_at', direction: 'asc' }], ...body })).items;
const inheritedFrom = (id: string) => search({ parent_subscription_ids: [id] });
const cancel = (id: string, body: object = { cancellation_type: 'immediate' }) =>
  api.request('POST', `/v1/subscriptions/${id}/cancel`, body);
const rows = async (): Promise<number> => (await search({ limit: 1000 })).length;

const FOLLOWED = [
  'plan_id',
  'currency',
  'billing_period',
  'billing_anchor',
  'billing_cycle',
  'subscription_status',
  'current_period_start',
  'current_period_end',
  'end_date',
  'cancel_at',
  'cancel_at_period_end',
  'cancelled_at',
];
const followed = (subscription: Record<string, unknown>) => Object.fromEntries(FOLLOWED.map((field) => [field, subscription[field]]));
async function expectFollowing(id: string): Promise<void> {
  const parent = await get(id);
  for (const inherited of await inheritedFrom(id)) expect(followed(inherited)).toEqual(followed(parent));
}

describe('a subscription that customers inherit', () => {
  test('is a parent with lines and an invoice; what they inherit has its terms and neither', async () => {
    const [owner = '', a = '', b = ''] = await customers(3);
    const parent = await subscribe(owner, { lookup_key: 'family', metadata: { team: 'x' }, ...children(a, b) });
    expect(parent).toMatchObject({
      subscription_type: 'parent',
      subscription_status: 'active',
      line_items: [{}, {}, {}, {}],
      latest_invoice: { total: '49' },
    });
    expect(parent).not.toHaveProperty('parent_subscription_id');
    const inherited = await inheritedFrom(parent.id);
    expect(inherited).toHaveLength(2);
    await expectFollowing(parent.id);
    for (const { id } of inherited) {
      const shown = await get(id);
      expect(shown).toMatchObject({
        subscription_type: 'inherited',
        parent_subscription_id: parent.id,
        line_items: [],
        start_date: parent.start_date,
        metadata: {},
        version: 1,
      });
      for (const field of ['latest_invoice', 'lookup_key']) expect(shown).not.toHaveProperty(field);
      expect(await api.invoicesOf(id)).toEqual([]);
    }
    expect((await search({ external_customer_id: a })).map(({ id, customer_id }) => [id, customer_id])).toEqual([
      [inherited[0]?.id, inherited[0]?.customer_id],
    ]);
  });

  test('is found by type and by parent, in a search and in a list', async () => {
    const [owner = '', a = '', other = '', b = ''] = await customers(4);
    const parent = await subscribe(owner, children(a));
    const second = await subscribe(other, children(b));
    const found = async (query: string) =>
      (await api.made('GET', `/v1/subscriptions?limit=1000&${query}`)).items
        .map(({ parent_subscription_id: id }: { parent_subscription_id: string }) => id)
        .sort();
    expect(await found(`parent_subscription_ids=${parent.id},${second.id}`)).toEqual([parent.id, second.id].sort());
    expect(await found(`parent_subscription_ids=${parent.id}&subscription_type=inherited`)).toEqual([parent.id]);
    expect(await found(`parent_subscription_ids=${parent.id}&subscription_type=standalone`)).toEqual([]);
    expect((await search({ external_customer_id: owner, subscription_type: ['parent'] })).map(({ id }) => id)).toEqual([parent.id]);
    expect(
      (
        await search({ filters: [{ field: 'parent_subscription_id', operator: 'eq', data_type: 'string', value: { string: parent.id } }] })
      ).map(({ customer_id }) => customer_id),
    ).toHaveLength(1);
  });

  test('an empty list asks for nothing', async () => {
    const [owner = ''] = await customers(1);
    expect(await subscribe(owner, children())).toMatchObject({ subscription_type: 'standalone' });
    expect(await subscribe(owner, { inheritance: {} })).toMatchObject({ subscription_type: 'standalone' });
  });

  test('a running one is inherited later: from now, or from a day of its current period', async () => {
    const [owner = '', a = '', b = '', c = ''] = await customers(4);
    const parent = await subscribe(owner);
    const first = await subscribe(a, { start_date: undefined, lookup_key: `late-${a}`, ...under(parent.id) });
    expect(first).toMatchObject({
      subscription_type: 'inherited',
      parent_subscription_id: parent.id,
      start_date: '2026-03-10T12:00:00Z',
      current_period_start: '2026-03-01T00:00:00Z',
      lookup_key: `late-${a}`,
      line_items: [],
    });
    expect(await get(parent.id)).toMatchObject({ subscription_type: 'parent', version: 2 });
    expect(await subscribe(b, { start_date: '2026-03-05T00:00:00Z', ...under(parent.id) })).toMatchObject({
      start_date: '2026-03-05T00:00:00Z',
    });
    expect(await get(parent.id)).toMatchObject({ version: 2 });
    const count = await rows();
    const refused = async (more: object) => {
      const answer = await api.request('POST', '/v1/subscriptions', request(c, { start_date: undefined, ...under(parent.id), ...more }));
      return [answer.status, answer.body.details?.field ?? answer.body.code];
    };
    expect(await refused({ start_date: '2026-02-28T00:00:00Z' })).toEqual([400, 'start_date']);
    expect(await refused({ currency: 'eur' })).toEqual([400, 'currency']);
    expect(await refused({ billing_period: 'ANNUAL' })).toEqual([400, 'billing_period']);
    expect(await refused({ billing_period_count: 2 })).toEqual([400, 'billing_period_count']);
    expect(await refused({ plan_id: 'plan_other' })).toEqual([400, 'plan_id']);
    expect(await refused({ end_date: '2026-05-01T00:00:00Z' })).toEqual([400, 'end_date']);
    expect(await refused({ billing_anchor: '2026-03-05T00:00:00Z' })).toEqual([400, 'billing_anchor']);
    expect(await refused({ override_line_items: [{ price_id: plan.priceIds.fee, amount: '1' }] })).toEqual([400, 'override_line_items']);
    expect(await refused({ line_item_commitments: { [plan.priceIds.input]: { commitment_amount: 1 } } })).toEqual([
      400,
      'line_item_commitments',
    ]);
    expect(await refused(under('subs_unknown'))).toEqual([404, 'not_found']);
    expect(await refused(under(first.id))).toEqual([400, PARENT]);
    expect(await refused({ inheritance: { ...under(parent.id).inheritance, ...children(owner).inheritance } })).toEqual([400, PARENT]);
    expect(await refused({ external_customer_id: owner })).toEqual([400, PARENT]);
    expect(await refused({ external_customer_id: a })).toEqual([409, PARENT]);
    await cancel(parent.id);
    expect(await refused({})).toEqual([400, 'invalid_operation']);
    expect(await rows()).toBe(count);
  });
});

describe('is refused by name, and nothing is written', () => {
  let owner: string;
  let child: string;
  let other: string;
  let parentId: string;
  let childSubscription: string;
  beforeAll(async () => {
    [owner = '', child = '', other = ''] = await customers(3);
    parentId = (await subscribe(owner, children(child))).id;
    childSubscription = (await inheritedFrom(parentId))[0]?.id;
    await api.made('POST', '/v1/customers', { external_id: 'later', name: 'Later' });
  });

  test.each<readonly [string, () => object, readonly [number, string, string]]>([
    ['an unknown customer', () => request(other, children('nobody')), [404, 'not_found', `${LIST}[0]`]],
    ['an empty item', () => request(other, children('')), [400, 'validation_error', `${LIST}[0]`]],
    ['a blank item', () => request(other, children(' ')), [400, 'validation_error', `${LIST}[0]`]],
    ['the owner', () => request(other, children(other)), [400, 'validation_error', `${LIST}[0]`]],
    ['a customer twice', () => request(other, children('later', 'later')), [400, 'validation_error', `${LIST}[1]`]],
    ['a customer that inherits the plan already', () => request(other, children('later', child)), [409, 'already_exists', `${LIST}[1]`]],
    ['a customer that others inherit from', () => request(other, children(owner)), [400, 'validation_error', `${LIST}[0]`]],
    ['an owner that inherits itself', () => request(child, children(other)), [400, 'validation_error', 'inheritance']],
    ['what is inherited, in a chain', () => request(other, under(childSubscription)), [400, 'validation_error', PARENT]],
    [
      'grouped invoicing',
      () => request(other, { inheritance: { grouped_invoicing_children_to_create: [{ external_customer_id: child }] } }),
      [400, 'validation_error', 'inheritance.grouped_invoicing_children_to_create'],
    ],
    [
      'another invoiced customer',
      () => request(other, { inheritance: { invoicing_customer_external_id: child } }),
      [400, 'validation_error', 'inheritance.invoicing_customer_external_id'],
    ],
    [
      'no list',
      () => request(other, { inheritance: { external_customer_ids_to_inherit_subscription: child } }),
      [400, 'validation_error', LIST],
    ],
  ])('%s', async (_, body, [status, code, field]) => {
    const before = await rows();
    const answer = await api.request('POST', '/v1/subscriptions', body());
    expect([answer.status, answer.body.code, answer.body.details?.field]).toEqual([status, code, field]);
    expect(await rows()).toBe(before);
  });

  test('a customer may inherit of two plans, and again of one that has ended', async () => {
    const [first = '', second = '', heir = ''] = await customers(3);
    const { id } = await subscribe(first, children(heir));
    const elsewhere = await makeLlmPlan(api);
    await subscribe(second, { plan_id: elsewhere.planId, ...children(heir) });
    await cancel(id);
    await subscribe(first, children(heir));
    expect(await search({ external_customer_id: heir, subscription_status: ['active'] })).toHaveLength(2);
  });

  test('of two hierarchies that meet at the same moment, one waits for the other and sees it', async () => {
    const [a = '', b = '', c = ''] = await customers(3);
    const [checked, written] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { getHeld } = api.app.plans;
    const held = vi.spyOn(api.app.plans, 'getHeld').mockImplementationOnce(async (...plan) => {
      checked.resolve();
      await written.promise;
      return getHeld(...plan);
    });
    const inspector = new pg.Client(superuser(api.config.postgres.database));
    await inspector.connect();
    try {
      const first = api.request('POST', '/v1/subscriptions', request(a, children(b)));
      await checked.promise;
      let isAnswered = false;
      const second = api.request('POST', '/v1/subscriptions', request(b, children(c))).finally(() => {
        isAnswered = true;
      });
      const isWaiting = async () =>
        (await inspector.query("select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"))
          .rowCount === 1;
      await vi.waitFor(async () => expect(isAnswered || (await isWaiting())).toBe(true), { timeout: 10_000, interval: 10 });
      written.resolve();
      expect([(await first).status, (await second).status]).toEqual([201, 400]);
    } finally {
      written.resolve();
      held.mockRestore();
      await inspector.end();
    }
  });
});

describe('what is inherited follows', () => {
  test('the periods of its parent, without a sweep of its own, an invoice, or a preview', async () => {
    const [owner = '', a = ''] = await customers(2);
    const parent = await subscribe(owner, { start_date: '2026-01-31T00:00:00Z', ...children(a) });
    const [inherited] = await inheritedFrom(parent.id);
    api.clock.set(utc('2026-04-15T00:00:00'));
    const started = await api.sweep();
    expect(started.filter((job) => job.includes(parent.id))).toHaveLength(1);
    expect(started.filter((job) => job.includes(inherited.id))).toEqual([]);
    expect(await get(parent.id)).toMatchObject({
      current_period_start: '2026-03-31T00:00:00Z',
      current_period_end: '2026-04-30T00:00:00Z',
      version: 3,
    });
    await expectFollowing(parent.id);
    expect(await api.invoicesOf(parent.id)).toHaveLength(3);
    expect(await api.invoicesOf(inherited.id)).toEqual([]);
    // Neither does a job that names it.
    const { tenantId, environmentId } = api.ctx;
    api.clock.set(utc('2026-05-02T00:00:00'));
    expect(
      await api.app.billingActivities.closePeriod({
        tenantId,
        environmentId,
        subscriptionId: inherited.id,
        periodEnd: '2026-04-30T00:00:00Z',
      }),
    ).toBeNull();
    expect(await api.request('POST', '/v1/invoices/preview', { subscription_id: inherited.id })).toMatchObject({
      status: 400,
      body: { code: 'invalid_operation', details: { parent_subscription_id: parent.id } },
    });
    expect(await api.made('POST', '/v1/subscriptions/usage', { subscription_id: inherited.id })).toMatchObject({ amount: 0, charges: [] });
    const changes = await api.app.database.asSystem('test', (tx) =>
      tx.selectFrom('outbox').select('eventName').where('entityId', '=', inherited.id).orderBy('position').execute(),
    );
    expect(changes.map(({ eventName }) => eventName)).toEqual(['subscription.created', 'subscription.updated', 'subscription.updated']);
  });

  test('a cancellation now; its own is refused and names the parent', async () => {
    const [owner = '', a = '', b = ''] = await customers(3);
    const parent = await subscribe(owner, children(a));
    const late = await subscribe(b, { start_date: '2026-03-20T00:00:00Z', ...under(parent.id) });
    const [inherited] = await inheritedFrom(parent.id);
    const refused = await cancel(inherited.id);
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_operation', details: { parent_subscription_id: parent.id } } });
    expect(refused.text).toContain('parent');
    expect(await get(inherited.id)).toMatchObject({ subscription_status: 'active', version: 1 });
    api.events = codeAssist(a, '2026-03-09T00:00:00Z');
    expect(await cancel(parent.id)).toMatchObject({
      status: 200,
      body: { status: 'cancelled', proration_invoice: { invoice_status: 'FINALIZED' } },
    });
    expect(await get(inherited.id)).toMatchObject({
      subscription_status: 'cancelled',
      cancelled_at: '2026-03-10T12:00:00Z',
      end_date: '2026-03-10T12:00:00Z',
      current_period_end: '2026-03-10T12:00:00Z',
    });
    // It would have begun later: it ends where it begins.
    expect(await get(late.id)).toMatchObject({
      subscription_status: 'cancelled',
      cancelled_at: '2026-03-10T12:00:00Z',
      end_date: '2026-03-20T00:00:00Z',
    });
    expect(await api.invoicesOf(inherited.id)).toEqual([]);
  });

  test.each([
    ['end_of_period', {}, '2026-04-01T00:00:00Z'],
    ['scheduled_date', { cancel_at: '2026-03-20T00:00:00Z' }, '2026-03-20T00:00:00Z'],
  ])('a cancellation by %s', async (cancellation_type, more, end) => {
    const [owner = '', a = ''] = await customers(2);
    const parent = await subscribe(owner, children(a));
    expect((await cancel(parent.id, { cancellation_type, ...more })).status).toBe(200);
    await expectFollowing(parent.id);
    expect((await inheritedFrom(parent.id))[0]).toMatchObject({ subscription_status: 'active', cancel_at: end });
    api.clock.set(utc('2026-04-01T00:00:00'));
    await api.sweep();
    await expectFollowing(parent.id);
    expect((await inheritedFrom(parent.id))[0]).toMatchObject({ subscription_status: 'cancelled', cancelled_at: end, end_date: end });
  });

  test('a customer that inherits is deleted only once that has ended', async () => {
    const [owner = '', a = ''] = await customers(2);
    const parent = await subscribe(owner, children(a));
    const { id } = await api.made('GET', `/v1/customers/external/${a}`);
    expect(await api.request('DELETE', `/v1/customers/${id}`)).toMatchObject({ status: 400, body: { code: 'invalid_operation' } });
    await cancel(parent.id);
    expect((await api.request('DELETE', `/v1/customers/${id}`)).status).toBe(204);
  });
});
