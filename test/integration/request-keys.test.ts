import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { Route } from '#platform/http/route.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import { type Answer, startTestApi, type TestApi } from '../support/api.ts';
import { sessionFor } from '../support/portal.ts';

// Nothing that a caller asks for is dropped silently: every operation but those that take events refuses what it does not know, by name.

const routes = await allRoutes();
/** All but what only the operator's own tenant may use. */
const strict = routes.filter(({ unknownKeys, operationId }) => unknownKeys === 'refused' && !operationId.endsWith('IngestTerms'));
let api: TestApi;
let token: string;
beforeAll(async () => {
  api = await startTestApi({ clickhouse: true });
  await api.request('POST', '/v1/customers', { external_id: 'asks', name: 'Asks' });
  token = await sessionFor(api, 'asks');
});
afterAll(() => api.close());

function ask(route: Route, query: string, body?: unknown): Promise<Answer> {
  const path = `${route.path.replace('{key}', 'customer_onboarding').replace(/\{\w+\}/g, 'some_id')}${query}`;
  return route.credential === 'portal_session'
    ? api.send(route.method, path, body, { 'x-session-token': token })
    : api.request(route.method, path, body);
}
const named = ({ body }: Answer): string[] => (body.details?.errors ?? []).map(({ field }: { field: string }) => field);
const title = ({ method, path }: Route): string => `${method} ${path}`;

test('only operations that take events, and health checks, take what they do not know', () => {
  expect(
    routes
      .filter(({ unknownKeys }) => unknownKeys === 'taken')
      .map(title)
      .sort(),
  ).toEqual(['GET /health', 'GET /health/ready', 'POST /health', 'POST /v1/events', 'POST /v1/events/bulk', 'POST /v1/events/raw/bulk']);
});

describe('a parameter that an operation does not know', () => {
  test.each(strict.map((route) => [title(route), route] as const))('%s', async (_, route) => {
    const answer = await ask(route, '?unheard_of=1&__proto__=2', route.body ? {} : undefined);
    expect([answer.status, named(answer)]).toEqual([400, ['unheard_of', '__proto__']]);
    expect(answer.body.message).toBe('unheard_of: is not known here');
  });
});

describe('a key of a body that an operation does not know', () => {
  test.each(strict.filter(({ method }) => method !== 'GET').map((route) => [title(route), route] as const))('%s', async (_, route) => {
    const answer = await ask(route, '', '{"unheard_of":1,"__proto__":{"a":1},"constructor":2}');
    expect([answer.status, named(answer)]).toEqual([400, ['unheard_of', '__proto__', 'constructor']]);
  });
});

/** The keys of a request that may be left out. */
function optionalKeys(schema: z.ZodType): string[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as {
    properties?: object;
    required?: string[];
  };
  return Object.keys(properties).filter((key) => !required.includes(key));
}

describe('null is as good as absent wherever a key may be left out', () => {
  const taking = strict.filter(({ body }) => body !== undefined && optionalKeys(body).length > 0);
  test.each(taking.map((route) => [title(route), route] as const))('%s', async (_, route) => {
    const optional = optionalKeys(route.body as z.ZodType);
    const answer = await ask(route, '', Object.fromEntries(optional.map((key) => [key, null])));
    const refused = named(answer).filter((field) => optional.some((key) => field === key));
    // Of several that may be left out, one may be needed, which `is required` says.
    const absent = await ask(route, '', {});
    expect([answer.status, answer.body.message, refused]).toEqual([
      absent.status,
      absent.body.message,
      named(absent).filter((field) => refused.includes(field)),
    ]);
  });
});

test.each([
  ['POST', '/v1/customers', { external_id: 'a', name: 'A', tax_rate_overrides: [{ tax_rate_code: 'x' }] }, 'tax_rate_overrides'],
  ['POST', '/v1/customers', { external_id: 'a', name: 'A', integration_entity_mapping: [{ id: 'x' }] }, 'integration_entity_mapping'],
  ['POST', '/v1/customers/search', { metadata: { tier: 'gold' } }, 'metadata'],
  ['POST', '/v1/subscriptions/search', { with_coupon_associations: true }, 'with_coupon_associations'],
])('%s %s with what is not part of this version says so: %j', async (method, path, body, field) => {
  const answer = await api.request(method, path, body);
  expect([answer.status, answer.body.message]).toEqual([400, `${field}: is not part of this version`]);
});

test('what FlexPrice knows and means nothing here is taken, and so is what asks for nothing', async () => {
  const body = {
    external_id: 'keys',
    name: 'Keys',
    skip_onboarding_workflow: true,
    tax_rate_overrides: [],
    integration_entity_mapping: null,
  };
  expect((await api.request('POST', '/v1/customers', body)).status).toBe(201);
});

describe('terms that a billing model does not charge by are refused by name, and ask for nothing where they are empty', () => {
  const tiers = [{ unit_amount: '1', up_to: null }];
  const package_ = { divide_by: 10 };
  const flat = { billing_model: 'FLAT_FEE', amount: '5' };
  const packaged = { billing_model: 'PACKAGE', amount: '5', transform_quantity: package_ };
  const tiered = { billing_model: 'TIERED', tier_mode: 'SLAB', tiers };
  const priceOf = async (terms: object): Promise<object> => ({
    entity_type: 'PLAN',
    entity_id: (await api.request('POST', '/v1/plans', { name: 'Terms' })).body.id,
    type: 'FIXED',
    currency: 'usd',
    billing_period: 'MONTHLY',
    invoice_cadence: 'ADVANCE',
    ...terms,
  });

  test.each([
    [flat, { tiers }, 'tiers'],
    [flat, { tier_mode: 'SLAB' }, 'tier_mode'],
    [flat, { transform_quantity: package_ }, 'transform_quantity'],
    [packaged, { tiers }, 'tiers'],
    [packaged, { tier_mode: 'VOLUME' }, 'tier_mode'],
    [tiered, { amount: '5' }, 'amount'],
    [tiered, { transform_quantity: package_ }, 'transform_quantity'],
  ])('%j with %j', async (terms, foreign, field) => {
    const refused = await api.request('POST', '/v1/prices', await priceOf({ ...terms, ...foreign }));
    expect([refused.status, refused.body.message]).toEqual([400, `${field}: has no meaning for a ${terms.billing_model} price`]);
    const price = await api.request(
      'POST',
      '/v1/prices',
      await priceOf({ ...terms, ...(terms === tiered ? { amount: '0' } : { tiers: [] }) }),
    );
    expect(price.status).toBe(201);
    const changed = await api.request('PUT', `/v1/prices/${price.body.id}`, foreign);
    expect([changed.status, changed.body.details?.field]).toEqual([400, field]);
  });
});

test('what is missing is said to be required, whatever it would have to be', async () => {
  const { body } = await api.request('POST', '/v1/subscriptions', { customer_id: 'cust_1', plan_id: 'plan_1', currency: 'usd' });
  expect(body.message).toBe('billing_period: is required');
});

test('an invoice is found by its number, and a number that nobody has finds none', async () => {
  const found = await api.request('POST', '/v1/invoices/search', { invoice_number: 'INV-209901-00001' });
  expect([found.status, found.body.items, found.body.pagination.total]).toEqual([200, [], 0]);
});
