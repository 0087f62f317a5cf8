import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { fixedClock } from '#kernel/clock.ts';
import type { Route } from '#platform/http/route.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import type { TestTenant } from '../support/api.ts';
import { superuser } from '../support/engines.ts';
import { type LimitsApi, startLimitsApi } from '../support/limits.ts';
import { utc } from '../support/metering.ts';
import { type PortalCustomer, portalCustomer, sessionFor, withToken } from '../support/portal.ts';

// A session opens what is its customer's, for an hour, and nothing else; nothing else opens the portal.

const NOW = '2026-03-18T12:00:00Z';
const PREFIX = '/v1/customer/portal';
const routes = await allRoutes();
const portalRoutes = routes.filter(({ credential }) => credential === 'portal_session');
const named = (list: readonly Route[]) => list.map((route) => [`${route.method} ${route.path}`, route] as const);

let api: LimitsApi;
let clock: ReturnType<typeof fixedClock>;
let stranger: TestTenant;
let inspector: pg.Client;
/** Three customers: two of one tenant, and one of another that has the same external id as the first. */
let mine: PortalCustomer;
let neighbours: PortalCustomer;
let strangers: PortalCustomer;
let myToken: string;

beforeAll(async () => {
  api = await startLimitsApi(NOW);
  clock = api.clock;
  stranger = await api.tenant('Stranger');
  mine = await portalCustomer(api, api, 'mine', 2);
  neighbours = await portalCustomer(api, api, 'theirs', 3);
  strangers = await portalCustomer(api, stranger, 'mine', 5);
  // What usage costs is of sellers that show it.
  for (const [tenant, { eventName }] of [
    [api, mine],
    [stranger, strangers],
  ] as const) {
    await tenant.request('PUT', '/v1/settings/customer_portal_config', { value: { cost_analytics_enabled: true } });
    const { items: meters } = (await tenant.request('GET', '/v1/meters')).body;
    const { costsheet } = (await tenant.request('POST', '/v1/costs', { name: 'Costs' })).body;
    const meterId = meters.find(({ event_name: name }: { event_name: string }) => name === eventName).id;
    expect(
      (
        await tenant.request('POST', '/v1/prices', {
          entity_type: 'COSTSHEET',
          entity_id: costsheet.id,
          type: 'USAGE',
          billing_model: 'FLAT_FEE',
          billing_period: 'MONTHLY',
          invoice_cadence: 'ARREAR',
          currency: 'usd',
          meter_id: meterId,
          amount: '0.1',
        })
      ).status,
    ).toBe(201);
  }
  myToken = await sessionFor(api, 'mine');
  inspector = new pg.Client(superuser(api.config.postgres.database));
  await inspector.connect();
});
afterAll(async () => {
  await inspector.end();
  await api.close();
});

/** All rows, to see that nothing has changed. */
async function allRows(): Promise<string> {
  const { rows: tables } = await inspector.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname = 'public' order by 1`,
  );
  const all: Record<string, unknown[]> = {};
  for (const { name } of tables) all[name] = (await inspector.query(`select * from ${name} t order by t::text`)).rows;
  return JSON.stringify(all);
}

const pathOf = ({ path }: Route, { subscriptionId, invoiceId, lineId }: PortalCustomer): string =>
  path
    .replace('{id}', path.includes('/subscriptions/') ? subscriptionId : invoiceId)
    .replace('{line_item_id}', lineId)
    .slice(PREFIX.length);
/** Every way of naming a customer that some operation of the API knows. */
const naming = (other: PortalCustomer) => ({
  id: other.id,
  customer_id: other.id,
  customer_ids: [other.id],
  external_customer_id: other.externalId,
  external_customer_ids: [other.externalId],
  customer_lookup_key: other.externalId,
  subscription_id: other.subscriptionId,
  subscription_ids: [other.subscriptionId],
  subscription_customer_id: [other.id],
  invoice_ids: [other.invoiceId],
});
const marksOf = ({ id, planId, featureId, subscriptionId, invoiceId }: PortalCustomer): string[] => [
  id,
  planId,
  featureId,
  subscriptionId,
  invoiceId,
];
/** A body that is accepted: for a change, one that changes nothing. */
const bodyOf = (route: Route): object | undefined =>
  route.body === undefined
    ? undefined
    : route.method === 'PUT'
      ? { name: `Name mine` }
      : route.path.includes('/analytics/')
        ? { start_time: '2026-03-01T00:00:00Z', end_time: '2026-04-01T00:00:00Z' }
        : {};

describe('through every route of the portal', () => {
  test('there are routes, and each answers its own customer', async () => {
    expect(portalRoutes.map(({ method, path }) => `${method} ${path.slice(PREFIX.length)}`).sort()).toEqual([
      'GET /config',
      'GET /info',
      'GET /invoices/{id}',
      'GET /invoices/{id}/line_items',
      'GET /invoices/{id}/line_items/{line_item_id}/buckets',
      'GET /invoices/{id}/line_items/{line_item_id}/windows',
      'GET /subscriptions/{id}',
      'GET /usage',
      'POST /analytics/cost',
      'POST /analytics/revenue',
      'POST /invoices',
      'POST /subscriptions',
      'PUT /info',
    ]);
    const seen = await Promise.all(portalRoutes.map((route) => withToken(api, myToken)(route.method, pathOf(route, mine), bodyOf(route))));
    expect(seen.map(({ status }) => status)).toEqual(portalRoutes.map(() => 200));
    for (const mark of [...marksOf(mine), 'Name mine']) expect(seen.map(({ text }) => text).join('\n')).toContain(mark);
  });

  const others = [
    ['another customer of the tenant', () => neighbours, () => myToken],
    ['a customer of another tenant', () => strangers, () => myToken],
    ["the customer, asked for by another tenant's", () => mine, () => sessionFor(stranger, 'mine')],
  ] as const;
  describe.each(others)('%s', (_, other, token) => {
    test.each(named(portalRoutes))('is never seen or changed by %s', async (__, route) => {
      const send = withToken(api, await token());
      const before = await allRows();
      // Not found where its id is in the path, without effect where it is named elsewhere: narrowing to another's shows nothing.
      const body = bodyOf(route);
      const plain = await send(route.method, pathOf(route, other()), body);
      if (route.path.includes('{')) expect([plain.status, plain.body.code]).toEqual([404, 'not_found']);
      else expect(plain.status).toBe(200);
      const named = [
        ...Object.entries(naming(other())).map(([key, value]) =>
          send(route.method, `${pathOf(route, other())}?${key}=${encodeURIComponent(String(value))}`, body),
        ),
        ...Object.entries(body === undefined ? {} : naming(other())).map(([key, value]) =>
          send(route.method, pathOf(route, other()), { ...body, [key]: value }),
        ),
      ];
      for (const answer of [plain, ...(await Promise.all(named))]) {
        expect([200, 400, 404]).toContain(answer.status);
        const shown = route.path.includes('{') ? JSON.stringify({ ...answer.body, details: {} }) : answer.text;
        for (const mark of [...marksOf(other()), `note-on-`, `${other().externalId}-0`]) expect(shown).not.toContain(mark);
      }
      if (route.method !== 'PUT') expect(await allRows()).toBe(before);
    });
  });

  test("a change is of the session's customer only, whoever is named", async () => {
    const before = await api.got(`/v1/customers/${neighbours.id}`);
    const send = withToken(api, myToken);
    for (const [key, value] of Object.entries(naming(neighbours))) {
      const refused = await send('PUT', '/info', { [key]: value, contact: 'changed' });
      expect([refused.status, refused.body.message]).toEqual([400, `${key}: is not known here`]);
    }
    const answer = await send('PUT', '/info', { contact: 'changed' });
    expect([answer.status, answer.body.id, answer.body.contact]).toEqual([200, mine.id, 'changed']);
    expect(await api.got(`/v1/customers/${neighbours.id}`)).toEqual(before);
    expect(await api.got(`/v1/customers/${strangers.id}`, stranger)).not.toHaveProperty('contact');
  });
});

describe('credentials', () => {
  test.each(named(routes.filter(({ credential, permission }) => credential === 'api_key' && permission !== 'public')))(
    'a session opens nothing of %s',
    async (_, route) => {
      const path = route.path.replace(/\{\w+\}/g, mine.id);
      const tried: readonly Record<string, string>[] = [
        { 'x-session-token': myToken },
        { 'x-api-key': myToken },
        { 'x-session-token': myToken, 'x-api-key': myToken },
        { authorization: `Bearer ${myToken}` },
      ];
      for (const headers of tried) {
        const answer = await api.send(route.method, path, route.body && {}, headers);
        expect([answer.status, Object.keys(answer.body)]).toEqual([401, ['error']]);
      }
    },
  );

  const refused: readonly (readonly [string, () => Record<string, string>])[] = [
    ['nothing', () => ({})],
    ['an API key', () => ({ 'x-api-key': api.key })],
    ['an API key for a token', () => ({ 'x-session-token': api.key, 'x-api-key': api.key })],
    ['an empty token', () => ({ 'x-session-token': '' })],
    ['a token that nobody made', () => ({ 'x-session-token': `ps_${'a'.repeat(43)}` })],
    ['a token in another header', () => ({ authorization: `Bearer ${myToken}`, cookie: `x-session-token=${myToken}` })],
    ['a token with something changed', () => ({ 'x-session-token': `${myToken.slice(0, -1)}${myToken.endsWith('a') ? 'b' : 'a'}` })],
    ['two tokens', () => ({ 'x-session-token': `${myToken},${myToken}` })],
    ['the hash of the token', () => ({ 'x-session-token': createHash('sha256').update(myToken).digest('hex') })],
  ];
  test.each(named(portalRoutes))('%s is opened by a token alone', async (_, route) => {
    for (const [what, headers] of refused) {
      const answer = await api.send(route.method, `${PREFIX}${pathOf(route, mine)}`, bodyOf(route), headers());
      expect([what, answer.status, Object.keys(answer.body)]).toEqual([what, 401, ['error']]);
    }
  });

  test('what stands beside a token does not matter: a key of somebody else, an environment', async () => {
    const besides: readonly Record<string, string>[] = [
      { 'x-api-key': stranger.key },
      { 'x-environment-id': api.environments[1]?.id ?? '' },
    ];
    for (const headers of besides) expect((await withToken(api, myToken)('GET', '/info', undefined, headers)).body.id).toBe(mine.id);
    // A REST API hands header names over as they were sent.
    expect((await api.send('GET', `${PREFIX}/info`, undefined, { 'X-Session-Token': myToken })).body.id).toBe(mine.id);
  });

  test('a session belongs to the environment that it was made in', async () => {
    const elsewhere = await api.keyWith(['super_admin'], api.environments[1]?.id);
    const make = () => api.send('GET', '/v1/customers/portal/mine', undefined, { 'x-api-key': elsewhere });
    expect((await make()).status).toBe(404);
    const { body: twin } = await api.send('POST', '/v1/customers', { external_id: 'mine', name: 'Twin' }, { 'x-api-key': elsewhere });
    const send = withToken(api, (await make()).body.token);
    expect((await send('GET', '/info')).body.id).toBe(twin.id);
    expect((await send('POST', '/invoices', {})).body.items).toEqual([]);
  });
});

/** What is taken away holds within five seconds in every process. */
const WITHIN = { timeout: 10_000 };

describe('a session', () => {
  test('ends after an hour, to the millisecond, and goes with one that is made later', async () => {
    clock.set(utc(NOW));
    const made = await api.request('GET', '/v1/customers/portal/theirs');
    expect(made.body.expires_at).toBe('2026-03-18T13:00:00Z');
    const send = withToken(api, made.body.token);
    clock.set(utc('2026-03-18T12:59:59.999Z'));
    expect((await send('GET', '/info')).status).toBe(200);
    clock.set(utc('2026-03-18T13:00:00Z'));
    for (const { method, path } of portalRoutes) {
      const answer = await send(method, path.slice(PREFIX.length).replace('{id}', 'x'), {});
      expect([answer.status, answer.body]).toEqual([401, { error: 'Session token has expired' }]);
    }
    const live = await sessionFor(api, 'mine');
    expect(
      (
        await inspector.query('select token_hash from portal_sessions where tenant_id = $1 and environment_id = $2', [
          api.ctx.tenantId,
          api.ctx.environmentId,
        ])
      ).rows,
    ).toEqual([{ token_hash: sha256(live) }]);
    clock.set(utc(NOW));
    myToken = await sessionFor(api, 'mine');
  });

  test('ends at once with its customer, and with no other', async () => {
    const { id } = await api.made('/v1/customers', { external_id: 'going', name: 'Going' });
    const tokens = [await sessionFor(api, 'going'), await sessionFor(api, 'going')];
    expect((await withToken(api, tokens[0] ?? '')('GET', '/info')).body.id).toBe(id);
    expect((await api.request('DELETE', `/v1/customers/${id}`)).status).toBe(204);
    for (const token of tokens) expect((await withToken(api, token)('GET', '/config')).status).toBe(401);
    expect((await api.request('GET', '/v1/customers/portal/going')).status).toBe(404);
    // Whoever has the external id next is somebody else.
    await api.made('/v1/customers', { external_id: 'going', name: 'Next' });
    for (const token of tokens) expect((await withToken(api, token)('GET', '/info')).status).toBe(401);
    expect((await withToken(api, myToken)('GET', '/info')).status).toBe(200);
  });

  test('that is made while its customer is deleted opens nothing', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { id } = await api.made('/v1/customers', { external_id: `racing-${round}`, name: 'Racing' });
      const [made, deleted] = await Promise.all([
        api.request('GET', `/v1/customers/portal/racing-${round}`),
        api.request('DELETE', `/v1/customers/${id}`),
      ]);
      expect([[200, 404].includes(made.status), deleted.status]).toEqual([true, 204]);
      expect((await inspector.query('select 1 from portal_sessions where customer_id = $1', [id])).rowCount).toBe(0);
    }
  });

  test('is kept as a hash: its token stands nowhere', async () => {
    const token = await sessionFor(api, 'mine');
    expect((await inspector.query('select customer_id from portal_sessions where token_hash = $1', [sha256(token)])).rows).toEqual([
      { customer_id: mine.id },
    ]);
    await withToken(api, token)('PUT', '/info', { contact: 'again' }, { 'idempotency-key': 'portal' });
    const rows = await allRows();
    expect(rows).toContain(sha256(token));
    expect(rows).not.toContain(token);
  });

  test.each([['event_ingestor'], ['event_reader'], ['all_reader']])(
    'is not made by a key that is %s only: it could not write the customer itself',
    async (role) => {
      const answer = await api.send('GET', '/v1/customers/portal/mine', undefined, { 'x-api-key': await api.keyWith([role]) });
      expect([answer.status, answer.body]).toEqual([403, { message: 'insufficient permissions' }]);
    },
  );

  test('is made by a key that may write customers', async () => {
    expect((await api.send('GET', '/v1/customers/portal/mine', undefined, { 'x-api-key': await api.keyWith(['all_writer']) })).status).toBe(
      200,
    );
  });

  test('of a suspended tenant reads and does not write, and no other is made', async () => {
    const suspended = await api.tenant('Suspended');
    await suspended.request('POST', '/v1/customers', { external_id: 'c', name: 'C' });
    const send = withToken(api, await sessionFor(suspended, 'c'));
    await inspector.query(`update tenants set internal_status = 'suspended' where id = $1`, [suspended.ctx.tenantId]);
    expect((await send('GET', '/info')).status).toBe(200);
    const refusal = [403, { message: 'tenant account is suspended' }];
    const written = await send('PUT', '/info', { name: 'D' });
    expect([written.status, written.body]).toEqual(refusal);
    // Its key is remembered as that of an active tenant for some seconds.
    clock.set(clock.now().plus({ minutes: 2 }));
    await expect
      .poll(async () => {
        const made = await suspended.request('GET', '/v1/customers/portal/c');
        return [made.status, made.body];
      }, WITHIN)
      .toEqual(refusal);
    clock.set(utc(NOW));
  });
});

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
