import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Route } from '#platform/http/route.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { superuser } from '../support/engines.ts';
import { sessionFor } from '../support/portal.ts';
import { seedEverything, type World } from '../support/world.ts';
import { requestFor } from '../support/world-requests.ts';

// Nothing that billing stands on can vanish or be renamed under it.
let api: TestApi;
let world: World;
let database: pg.Client;

beforeAll(async () => {
  api = await startTestApi({ clickhouse: true });
  world = await seedEverything(api);
  database = new pg.Client(superuser(api.config.postgres.database));
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await api.close();
});

/** How a column that names an entity of another table is safe. */
type Reason =
  /** Deleting or renaming the entity is refused while the row is in use. */
  | 'guarded'
  /** The row goes with the entity, or ends with it. */
  | 'owned'
  /** Archived and deleted entities are still read by id. */
  | 'readable'
  /** No operation takes the entity away. */
  | 'stays'
  /** Names nothing of ours: an id of the caller's, of a request, of a message. */
  | 'foreign';

const REFERENCES: Readonly<Record<string, Reason>> = {
  'features.meter_id': 'guarded',
  'prices.meter_id': 'guarded',
  'subscription_line_items.meter_id': 'guarded',
  'entitlements.feature_id': 'guarded',
  'subscriptions.customer_id': 'guarded',
  'subscriptions.plan_id': 'guarded',
  'invoices.customer_id': 'guarded',
  'invoices.subscription_customer_id': 'guarded',
  // Of a plan or a cost sheet; a plan with subscriptions stays, and prices end with their cost sheet.
  'prices.entity_id': 'owned',
  'entitlements.entity_id': 'owned',
  'portal_sessions.customer_id': 'owned',
  'invoice_line_details.line_item_id': 'owned',
  'usage_counters.meter_id': 'owned',
  'meter_versions.meter_id': 'owned',
  'entitlement_versions.entitlement_id': 'readable',
  'invoice_line_items.meter_id': 'readable',
  'invoice_line_items.customer_id': 'readable',
  'invoice_line_items.entity_id': 'readable',
  'subscription_line_items.customer_id': 'readable',
  'subscription_line_items.entity_id': 'readable',
  // What is owed stays with an archived customer.
  'ledger_accounts.customer_id': 'readable',
  'ledger_entries.account_id': 'stays',
  'ledger_entries.posting_id': 'stays',
  'ledger_postings.reverses_id': 'stays',
  'secrets.user_id': 'stays',
  'prices.parent_price_id': 'stays',
  'subscription_line_items.price_id': 'stays',
  'subscription_line_items.subscription_id': 'stays',
  'subscriptions.parent_subscription_id': 'stays',
  'billing_cycles_in_hand.subscription_id': 'stays',
  'invoices.subscription_id': 'stays',
  'invoice_line_items.invoice_id': 'stays',
  'invoice_line_items.price_id': 'stays',
  'invoice_line_items.subscription_id': 'stays',
  'invoice_line_items.subscription_line_item_id': 'stays',
  'entitlements.parent_entitlement_id': 'stays',
};
/** Columns that belong to every tenant table, and tables that hold no entities. */
const EVERYWHERE = /\.(tenant_id|environment_id|request_id|actor_id)$/;
const NO_ENTITIES = /^(outbox|job_runs|idempotency_keys|schema_migrations|dlq_redrives|ingest_buckets)\./;
/** Of modules that are not there yet: nothing can be named. */
const NOT_YET = /\.(group_id|price_unit_id|gateway_payment_method_id|display_id|external_id|external_customer_id)$/;

test('every column that names an entity says why the entity cannot vanish under it', async () => {
  const { rows } = await database.query<{ column: string }>(`
    select table_name || '.' || column_name as column from information_schema.columns
    where table_schema = 'public' and column_name like '%\\_id' order by 1`);
  const names = rows.map(({ column }) => column).filter((name) => ![EVERYWHERE, NO_ENTITIES, NOT_YET].some((known) => known.test(name)));
  expect(names.filter((name) => !(name in REFERENCES))).toEqual([]);
  expect(Object.keys(REFERENCES).filter((name) => !names.includes(name))).toEqual([]);
});

describe('what is in use is not deleted or renamed', () => {
  const refused = async (method: string, path: string, usedBy: string, body?: object) => {
    const before = await api.request('GET', path);
    const answer = await api.request(method, path, body);
    expect([path, answer.status, answer.body.code, answer.body.details?.used_by]).toEqual([path, 400, 'invalid_operation', usedBy]);
    expect(await api.request('GET', path)).toMatchObject({ status: 200, body: before.body });
  };

  test('a meter: not under a price, and not under a feature', async () => {
    await refused('DELETE', `/v1/meters/${world.meterId}`, 'price');
    const second = (await api.request('GET', `/v1/features/${world.secondFeatureId}`)).body;
    await refused('DELETE', `/v1/meters/${second.meter_id}`, 'feature');
  });

  test('a meter: not under a subscription whose price has ended', async () => {
    const make = async (path: string, body: object) => {
      const answer = await api.request('POST', path, body);
      expect([path, answer.status, answer.text]).toEqual([path, 201, answer.text]);
      return answer.body;
    };
    const meter = await make('/v1/meters', {
      name: 'Once',
      event_name: 'once',
      aggregation: { type: 'COUNT' },
      reset_usage: 'BILLING_PERIOD',
    });
    const plan = await make('/v1/plans', { name: 'Once', lookup_key: 'once' });
    const terms = { billing_model: 'FLAT_FEE', billing_period: 'MONTHLY', billing_period_count: 1, currency: 'usd', amount: '1' };
    const price = await make('/v1/prices', {
      ...terms,
      entity_type: 'PLAN',
      entity_id: plan.id,
      price_unit_type: 'FIAT',
      type: 'USAGE',
      invoice_cadence: 'ARREAR',
      meter_id: meter.id,
    });
    const customer = await make('/v1/customers', { external_id: 'once', name: 'Once' });
    const subscribed = await make('/v1/subscriptions', {
      customer_id: customer.id,
      plan_id: plan.id,
      currency: 'usd',
      billing_period: 'MONTHLY',
      billing_period_count: 1,
      billing_cycle: 'anniversary',
    });
    expect((await api.request('DELETE', `/v1/prices/${price.id}`, {})).status).toBe(200);
    await refused('DELETE', `/v1/meters/${meter.id}`, 'subscription');
    expect((await api.request('POST', `/v1/subscriptions/${subscribed.id}/cancel`, { cancellation_type: 'immediate' })).status).toBe(200);
    expect((await api.request('DELETE', `/v1/meters/${meter.id}`)).status).toBe(200);
  });

  test('a customer: not under a subscription, its own or one that it inherits', async () => {
    await refused('DELETE', `/v1/customers/${world.customerId}`, 'subscription');
    const child = (await api.request('GET', `/v1/customers/external/${world.childExternalId}`)).body.id;
    await refused('DELETE', `/v1/customers/${child}`, 'subscription');
    for (const id of [world.customerId, child]) await refused('PUT', `/v1/customers/${id}`, 'subscription', { external_id: 'moved' });
    const byQuery = await api.request('PUT', `/v1/customers?external_customer_id=${world.childExternalId}`, { external_id: 'moved' });
    expect([byQuery.status, byQuery.body.details?.used_by]).toEqual([400, 'subscription']);
    // Its own name again is no other name.
    expect((await api.request('PUT', `/v1/customers/${child}`, { external_id: world.childExternalId, name: 'Child' })).status).toBe(200);
  });

  test('a plan under a subscription, and a feature under an entitlement', async () => {
    await refused('DELETE', `/v1/plans/${world.planId}`, 'subscription');
    await refused('DELETE', `/v1/features/${world.featureId}`, 'entitlement');
  });

  test('a customer whose last invoice is still a draft', async () => {
    const { rows } = await database.query<{ id: string }>(
      `select c.id from customers c join invoices i on i.customer_id = c.id where c.external_id = 'once' limit 1`,
    );
    const id = rows[0]?.id ?? '';
    const { rows: invoices } = await database.query(`select id, invoice_status from invoices where customer_id = $1`, [id]);
    expect(invoices.length).toBeGreaterThan(0);
    await database.query(`update invoices set invoice_status = 'DRAFT' where customer_id = $1`, [id]);
    await refused('PUT', `/v1/customers/${id}`, 'invoice', { external_id: 'moved' });
    await refused('DELETE', `/v1/customers/${id}`, 'invoice');
    for (const { id: invoiceId, invoice_status: status } of invoices)
      await database.query('update invoices set invoice_status = $1 where id = $2', [status, invoiceId]);
    expect((await api.request('PUT', `/v1/customers/${id}`, { external_id: 'moved' })).status).toBe(200);
  });
});

describe('a row that an earlier release let go is still read', () => {
  const isRead = (route: Route) => route.permission !== 'operator' && (route.method === 'GET' || !route.permission.startsWith('write:'));

  test.each([
    ['meters', 'deleted', () => world.meterId],
    ['plans', 'archived', () => world.planId],
    ['features', 'archived', () => world.featureId],
    ['customers', 'archived', () => world.customerId],
    ['costsheets', 'archived', () => world.costsheetId],
  ] as const)('%s %s: no operation that reads fails', async (table, status, idOf) => {
    const routes = (await allRoutes()).filter(isRead);
    const session = await sessionFor(api, world.externalCustomerId);
    await database.query(`update ${table} set status = $1 where id = $2`, [status, idOf()]);
    try {
      const failures: unknown[] = [];
      for (const route of routes) {
        const { path, body } = requestFor(world, api.ctx, route);
        const answer = await api.send(route.method, path, body, {
          'x-api-key': api.key,
          'x-session-token': session,
        });
        if (answer.status >= 500) failures.push([route.operationId, answer.status, answer.text]);
      }
      expect(failures).toEqual([]);
    } finally {
      await database.query(`update ${table} set status = 'published' where id = $1`, [idOf()]);
    }
  });
});
