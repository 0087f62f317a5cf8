import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { startGateway } from '#local/gateway.ts';
import { type Answer, startTestApi } from '../support/api.ts';
import { superuser } from '../support/engines.ts';
import { type LimitsApi, startLimitsApi } from '../support/limits.ts';
import { type PortalCustomer, portalCustomer, type Send, sessionFor, withToken } from '../support/portal.ts';

// What a customer sees through a session of the portal. That it sees nothing else is in test/security/portal.test.ts.

const NOW = '2026-03-18T12:00:00Z';
let api: LimitsApi;
let customer: PortalCustomer;
let send: Send;
let database: pg.Client;
beforeAll(async () => {
  api = await startLimitsApi(NOW);
  customer = await portalCustomer(api, api, 'acme', 2);
  send = withToken(api, await sessionFor(api, 'acme'));
  database = new pg.Client(superuser(api.config.postgres.database));
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await api.close();
});

/** What the API answers to the tenant, without what is the tenant's own. */
const shown = ({ text }: Answer): unknown =>
  JSON.parse(text, (key, value: unknown) =>
    key === 'metadata' ? {} : ['created_by', 'updated_by', 'latest_invoice'].includes(key) ? undefined : value,
  );
const sorted = [{ field: 'created_at', direction: 'desc' }];

describe('numbers are those of the API', () => {
  test('usage of what may be used, with the time up to which it is complete', async () => {
    const own = await send('GET', '/usage');
    const tenants = await api.request('GET', `/v1/customers/${customer.id}/usage`);
    expect(own.body).toEqual(shown(tenants));
    expect(own.body.features).toMatchObject([
      { feature: { id: customer.featureId }, total_limit: 8, current_usage: '2', usage_percent: '0.25' },
    ]);
    expect([own.headers['X-Usage-Watermark'], tenants.headers['X-Usage-Watermark']]).toEqual([
      '2026-03-10T00:00:00Z',
      '2026-03-10T00:00:00Z',
    ]);
  });

  test.each([
    ['feature_lookup_keys=calls-of-acme', 1],
    ['feature_lookup_keys=none', 0],
    ['feature_ids=none', 0],
    ['subscription_ids=none', 0],
  ])('usage narrowed by %s', async (query, count) => {
    expect((await send('GET', `/usage?${query}`)).body.features).toHaveLength(count);
  });

  test.each([
    {},
    { start_time: '2026-03-01T00:00:00Z', end_time: '2026-04-01T00:00:00Z' },
    { start_time: '2026-03-01T00:00:00Z', window_size: 'DAY' },
    { start_time: '2026-03-01T00:00:00Z', group_by: ['source'], expand: ['price', 'meter', 'feature', 'plan', 'subscription_line_item'] },
  ])('analytics of %j', async (question) => {
    const own = await send('POST', '/analytics/revenue', question);
    const tenants = await api.request('POST', '/v1/events/analytics', { ...question, external_customer_id: 'acme' });
    expect([own.status, own.headers['X-Usage-Watermark']]).toEqual([200, tenants.headers['X-Usage-Watermark']]);
    expect(own.body).toEqual(shown(tenants));
    // The events are of March 10, and a week is asked about unless told.
    expect(own.body.total_cost).toBe('start_time' in question ? '0.5' : '0');
  });

  test('invoices and their lines, with how each was calculated', async () => {
    const list = await send('POST', '/invoices', {});
    expect(list.body).toEqual(shown(await api.request('POST', '/v1/invoices/search', { customer_id: customer.id, sort: sorted })));
    expect(list.body.items).toMatchObject([
      { id: customer.invoiceId, invoice_status: 'FINALIZED', total: '10', invoice_number: expect.stringMatching(/^INV-/) },
    ]);
    const one = await send('GET', `/invoices/${customer.invoiceId}`);
    expect(one.body).toEqual(shown(await api.request('GET', `/v1/invoices/${customer.invoiceId}`)));
    expect(one.body.line_items[0].calculation.unrounded_amount).toBe('10');
  });

  test('subscriptions, with plan and prices', async () => {
    const list = await send('POST', '/subscriptions', {});
    expect(list.body).toEqual(
      shown(await api.request('POST', '/v1/subscriptions/search', { customer_id: customer.id, expand: 'plan,prices', sort: sorted })),
    );
    expect(list.body.items).toMatchObject([
      {
        id: customer.subscriptionId,
        plan: { name: 'Plan of acme' },
        line_items: [{ price: { amount: '10' } }, { price: { amount: '0.25' } }],
      },
    ]);
    const one = await send('GET', `/subscriptions/${customer.subscriptionId}`);
    expect(one.body).toEqual(shown(await api.request('GET', `/v1/subscriptions/${customer.subscriptionId}`)));
  });

  test('notes of the tenant, and who of it wrote what, are in none of them', async () => {
    const tenants = await api.request('GET', `/v1/subscriptions/${customer.subscriptionId}`);
    expect(tenants.text).toContain('note-on-acme');
    expect(tenants.text).toContain('"created_by"');
    for (const [method, path, body] of [
      ['GET', '/info'],
      ['GET', '/usage'],
      ['POST', '/subscriptions', {}],
      ['GET', `/subscriptions/${customer.subscriptionId}`],
      ['POST', '/invoices', {}],
      ['POST', '/analytics/revenue', { expand: ['price', 'feature', 'plan'] }],
    ] as const) {
      const answer = await send(method, path, body);
      expect([path, answer.status, /note-on-acme|"(cre|upd)ated_by"/.test(answer.text), answer.headers['Cache-Control']]).toEqual([
        path,
        200,
        false,
        'no-store',
      ]);
    }
  });
});

describe('lists', () => {
  test('come in pages, newest first unless told', async () => {
    const paged = await portalCustomer(api, api, 'paged', 0);
    const more: string[] = [paged.subscriptionId];
    for (let count = 0; count < 2; count += 1)
      more.push(
        (
          await api.made('/v1/subscriptions', {
            customer_id: paged.id,
            plan_id: paged.planId,
            currency: 'usd',
            billing_period: 'MONTHLY',
            billing_cycle: 'anniversary',
            start_date: '2026-03-01T00:00:00Z',
          })
        ).id,
      );
    const own = withToken(api, await sessionFor(api, 'paged'));
    const ids = async (path: string, body: object) => {
      const { items, pagination } = (await own('POST', path, body)).body;
      const { next_cursor: cursor, ...counts } = pagination;
      return [items.map(({ id }: { id: string }) => id), counts, cursor];
    };
    expect(await ids('/subscriptions', { limit: 2 })).toEqual([[more[2], more[1]], { total: 3, limit: 2, offset: 2 }, expect.any(String)]);
    const [, , cursor] = await ids('/subscriptions', { limit: 2 });
    expect((await ids('/subscriptions', { limit: 2, cursor }))[0]).toEqual([more[0]]);
    expect(await ids('/subscriptions', { limit: 2, offset: 2 })).toEqual([[more[0]], { total: 3, limit: 2, offset: 4 }, undefined]);
    expect((await ids('/subscriptions', { order: 'asc' }))[0]).toEqual(more);
    expect((await ids('/invoices', { limit: 1 }))[1]).toEqual({ total: 3, limit: 1, offset: 1 });
    for (const [body, field] of [
      [{ limit: 0 }, 'limit'],
      [{ offset: -1 }, 'offset'],
      [{ order: 'up' }, 'order'],
    ] as const) {
      const refused = await own('POST', '/invoices', body);
      expect([refused.status, refused.body.details.field]).toEqual([400, field]);
    }
  });

  test('show what was issued: no draft, nothing skipped, no draft that was voided, but an invoice that was voided later', async () => {
    const drafting = await portalCustomer(api, api, 'drafting', 0);
    const own = withToken(api, await sessionFor(api, 'drafting'));
    const becomes = (status: string, issued: boolean) =>
      database.query('update invoices set invoice_status = $2, finalized_at = $3 where id = $1', [
        drafting.invoiceId,
        status,
        issued ? NOW : null,
      ]);
    for (const [status, issued] of [
      ['DRAFT', false],
      ['SKIPPED', false],
      ['VOIDED', false],
      ['VOIDED', true],
      ['FINALIZED', true],
    ] as const) {
      await becomes(status, issued);
      expect([
        status,
        (await own('POST', '/invoices', {})).body.items.length,
        (await own('GET', `/invoices/${drafting.invoiceId}`)).status,
      ]).toEqual([status, issued ? 1 : 0, issued ? 200 : 404]);
    }
    await becomes('DRAFT', false);
    // Not behind another answer either.
    for (const path of ['/subscriptions', `/subscriptions/${drafting.subscriptionId}`])
      expect((await own(path === '/subscriptions' ? 'POST' : 'GET', path, undefined)).text).not.toContain(drafting.invoiceId);
  });

  test('show no subscription that is a draft, and those that ended', async () => {
    const agreeing = await portalCustomer(api, api, 'agreeing', 0);
    const own = withToken(api, await sessionFor(api, 'agreeing'));
    for (const [status, count] of [
      ['draft', 0],
      ['cancelled', 1],
      ['active', 1],
    ] as const) {
      await database.query('update subscriptions set subscription_status = $2 where id = $1', [agreeing.subscriptionId, status]);
      expect([
        status,
        (await own('POST', '/subscriptions', {})).body.items.length,
        (await own('GET', `/subscriptions/${agreeing.subscriptionId}`)).status,
      ]).toEqual([status, count, count === 1 ? 200 : 404]);
    }
  });
});

describe('the customer', () => {
  test('sees and changes its name, e-mail, contact and address; the audit says that it was itself', async () => {
    const change = {
      name: 'Acme Ltd',
      email: 'billing@acme.test',
      contact: '+1 555',
      address_line1: 'Road 1',
      address_line2: 'Floor 2',
      address_city: 'Town',
      address_state: 'ST',
      address_postal_code: '1234',
      address_country: 'US',
    };
    const changed = await send('PUT', '/info', change, { 'x-request-id': 'portal-change' });
    expect([changed.status, changed.body]).toMatchObject([200, { ...change, id: customer.id, external_id: 'acme', timezone: 'UTC' }]);
    expect((await send('GET', '/info')).body).toEqual(changed.body);
    expect(await api.got(`/v1/customers/${customer.id}`)).toMatchObject({
      ...change,
      metadata: { note: 'note-on-acme' },
      updated_by: customer.id,
    });
    expect(
      (await database.query('select event_name, entity_id, actor_id, actor_type from outbox where request_id = $1', ['portal-change']))
        .rows,
    ).toEqual([{ event_name: 'customer.updated', entity_id: customer.id, actor_id: customer.id, actor_type: 'customer' }]);
  });

  test.each([
    [{ external_id: 'other' }, 'external_id'],
    [{ timezone: 'Asia/Tokyo' }, 'timezone'],
    [{ metadata: {} }, 'metadata'],
    [{ name: '' }, 'name'],
    [{ email: 5 }, 'email'],
  ])('%j is refused by its name, and changes nothing', async (change, field) => {
    const before = await api.got(`/v1/customers/${customer.id}`);
    const refused = await send('PUT', '/info', { contact: 'changed', ...change });
    expect([refused.status, refused.body.code, refused.body.details.field]).toEqual([400, 'validation_error', field]);
    expect(await api.got(`/v1/customers/${customer.id}`)).toEqual(before);
  });
});

describe('what usage costs the seller', () => {
  const SETTING = '/v1/settings/customer_portal_config';
  const MARCH = { start_time: '2026-03-01T00:00:00Z', end_time: '2026-04-01T00:00:00Z' };
  const tabs = { info: true, usage: true, analytics: true, subscriptions: true, invoices: true, wallets: false };
  const shows = async () => (await send('GET', '/config')).body;

  test('is shown where the seller has said so, from the next request on, and no longer', async () => {
    const refused = async () =>
      expect(await send('POST', '/analytics/cost', MARCH)).toMatchObject({
        status: 403,
        body: { message: 'costs are not shown in the customer portal' },
      });
    expect(await shows()).toEqual({ tabs: { ...tabs, costs: false } });
    await refused();
    const { costsheet } = await api.made('/v1/costs', { name: 'Costs', metadata: { note: 'note-on-acme' } });
    const [{ id: meterId }] = (await api.got('/v1/meters')).items.filter(
      ({ event_name: name }: { event_name: string }) => name === customer.eventName,
    );
    await api.made('/v1/prices', {
      entity_type: 'COSTSHEET',
      entity_id: costsheet.id,
      type: 'USAGE',
      billing_model: 'FLAT_FEE',
      billing_period: 'MONTHLY',
      invoice_cadence: 'ARREAR',
      currency: 'usd',
      meter_id: meterId,
      amount: '0.1',
      metadata: { note: 'note-on-acme' },
    });
    await refused();

    expect((await api.request('PUT', SETTING, { value: { cost_analytics_enabled: true } })).status).toBe(200);
    expect(await shows()).toEqual({ tabs: { ...tabs, costs: true } });
    for (const question of [{}, MARCH, { ...MARCH, expand: ['price', 'meter'], feature_ids: [customer.featureId], limit: 1 }]) {
      const own = await send('POST', '/analytics/cost', question);
      const tenants = await api.request('POST', '/v1/costs/analytics', { ...question, external_customer_id: 'acme' });
      expect([own.status, own.headers['X-Usage-Watermark'], own.headers['Cache-Control']]).toEqual([
        200,
        tenants.headers['X-Usage-Watermark'],
        'no-store',
      ]);
      expect(own.body).toEqual(shown(tenants));
      expect(own.text).not.toContain('note-on-acme');
      // All of its usage is included.
      expect(own.body).toMatchObject(
        'start_time' in question
          ? { total_cost: '0.2', total_revenue: '0', margin: '0', cost_analytics: [{ customer_id: customer.id, total_quantity: '2' }] }
          : { total_cost: '0', total_revenue: '0' },
      );
    }
    expect(await send('POST', '/analytics/cost', { start_time: MARCH.start_time })).toMatchObject({
      status: 400,
      body: { details: { field: 'end_time' } },
    });

    for (const [method, body] of [
      ['PUT', { value: { cost_analytics_enabled: false } }],
      ['DELETE', undefined],
    ] as const) {
      expect((await api.request(method, SETTING, body)).status).toBe(200);
      expect(await shows()).toEqual({ tabs: { ...tabs, costs: false } });
      await refused();
    }
  });
});

describe('a customer that inherits', () => {
  test('sees neither which subscription it inherits nor why that has ended; the parent sees why', async () => {
    const parent = await portalCustomer(api, api, 'parent', 0);
    const child = await api.made('/v1/customers', { external_id: 'child', name: 'Child' });
    const inherited = await api.made('/v1/subscriptions', {
      customer_id: child.id,
      plan_id: parent.planId,
      currency: 'usd',
      billing_period: 'MONTHLY',
      inheritance: { parent_subscription_id: parent.subscriptionId },
    });
    expect(
      (
        await api.request('POST', `/v1/subscriptions/${parent.subscriptionId}/cancel`, {
          cancellation_type: 'immediate',
          reason: 'owes us money',
        })
      ).status,
    ).toBe(200);
    expect(await api.got(`/v1/subscriptions/${inherited.id}`)).toMatchObject({
      parent_subscription_id: parent.subscriptionId,
      cancellation_reason: 'owes us money',
    });

    const own = withToken(api, await sessionFor(api, 'child'));
    const seen = [
      await own('GET', `/subscriptions/${inherited.id}`),
      await own('POST', '/subscriptions', {}),
      await own('POST', '/analytics/revenue', { start_time: '2026-03-01T00:00:00Z', expand: ['price', 'plan', 'subscription_line_item'] }),
      await own('GET', '/usage'),
    ];
    expect(seen[0]?.body).toMatchObject({
      id: inherited.id,
      subscription_type: 'inherited',
      subscription_status: 'cancelled',
      cancelled_at: NOW,
    });
    expect(seen[1]?.body.items).toEqual([expect.objectContaining({ id: inherited.id })]);
    for (const answer of seen) {
      expect(answer.status).toBe(200);
      for (const mark of [parent.id, parent.subscriptionId, 'parent_subscription_id', 'owes us money'])
        expect(answer.text).not.toContain(mark);
    }
    expect((await own('GET', `/subscriptions/${parent.subscriptionId}`)).status).toBe(404);
    const parents = await withToken(api, await sessionFor(api, 'parent'))('GET', `/subscriptions/${parent.subscriptionId}`);
    expect(parents.body).toMatchObject({ subscription_type: 'parent', cancellation_reason: 'owes us money' });
  });
});

describe('a session', () => {
  test('is a token with its end, and says so in the outbox without it', async () => {
    const made = await api.request('GET', '/v1/customers/portal/acme', undefined, { 'x-request-id': 'portal-session' });
    expect([made.status, made.body, made.headers['Cache-Control']]).toEqual([
      200,
      { url: '', token: expect.stringMatching(/^ps_[\w-]{43}$/), expires_at: '2026-03-18T13:00:00Z' },
      'no-store',
    ]);
    const { rows } = await database.query('select event_name, entity_type, payload from outbox where request_id = $1', ['portal-session']);
    expect(rows).toEqual([
      {
        event_name: 'portal_session.created',
        entity_type: 'portal_session',
        payload: { id: expect.stringMatching(/^psess_/), customer_id: customer.id, expires_at: '2026-03-18T13:00:00Z' },
      },
    ]);
  });

  test.each(['usage', 'entitlements', 'portal', 'a/b', 'ä ö', '50%'])(
    'is made for a customer whose external id is %s',
    async (externalId) => {
      const { id } = await api.made('/v1/customers', { external_id: externalId, name: externalId });
      expect((await withToken(api, await sessionFor(api, externalId))('GET', '/info')).body.id).toBe(id);
    },
  );

  test('is not made for nobody', async () => {
    for (const externalId of ['nobody', customer.id])
      expect((await api.request('GET', `/v1/customers/portal/${externalId}`)).body).toMatchObject({ code: 'not_found' });
  });

  test('names the address that is configured', async () => {
    const named = await startTestApi({ env: { FLEXPRICE_PORTAL_URL: 'https://portal.example/#token={token}' } });
    try {
      await named.request('POST', '/v1/customers', { external_id: 'c', name: 'C' });
      const { url, token } = (await named.request('GET', '/v1/customers/portal/c')).body;
      expect(url).toBe(`https://portal.example/#token=${token}`);
    } finally {
      await named.close();
    }
  });

  test('works in a browser, from another origin', async () => {
    const gateway = await startGateway(
      { ingest: createIngestHandler(api.app), management: createManagementHandler(api.app) },
      { host: '127.0.0.1', port: 0 },
    );
    try {
      const url = `http://127.0.0.1:${gateway.port}/v1/customer/portal/info`;
      const origin = 'https://portal.example';
      const preflight = await fetch(url, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'content-type,x-session-token' },
      });
      // A star stands for every header where no cookies are sent, `Authorization` excepted.
      expect([
        preflight.status,
        preflight.headers.get('access-control-allow-origin'),
        preflight.headers.get('access-control-allow-headers'),
      ]).toEqual([204, '*', '*']);
      const answer = await fetch(url, { headers: { origin, 'X-Session-Token': await sessionFor(api, 'acme') } });
      expect([answer.status, answer.headers.get('access-control-allow-origin'), ((await answer.json()) as { id: string }).id]).toEqual([
        200,
        '*',
        customer.id,
      ]);
      expect((await fetch(url, { headers: { origin, 'x-api-key': api.key } })).status).toBe(401);
    } finally {
      await gateway.close();
    }
  });
});
