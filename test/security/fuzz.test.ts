import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { Route } from '#platform/http/route.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { junk, mutated, valuesOf } from '../support/json-schema-arbitrary.ts';
import { sessionFor } from '../support/portal.ts';

// Many operations times many bodies: enough for a run of minutes at most; raise it by hand to search deeper.
const RUNS = Number(process.env.FLEXPRICE_TEST_FUZZ_RUNS ?? 25);

const routes = (await allRoutes()).filter((route) => route.path !== '/health/ready');
let api: TestApi;
let ids: string[];
let token: string;

beforeAll(async () => {
  api = await startTestApi({ clickhouse: true });
  ids = await seedIds(api);
  token = await sessionFor(api, 'fuzz');
});
afterAll(() => api.close());

/** Real entities, so that a fuzzed request can get further than "not found". */
async function seedIds(target: TestApi): Promise<string[]> {
  const make = async (path: string, body: object): Promise<string> => (await target.request('POST', path, body)).body.id as string;
  const customer = await make('/v1/customers', { external_id: 'fuzz', name: 'Fuzz' });
  const feature = (
    await target.request('POST', '/v1/features', {
      name: 'Calls',
      type: 'metered',
      lookup_key: 'calls',
      meter: { name: 'Calls', event_name: 'call', aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' },
    })
  ).body;
  const plan = await make('/v1/plans', { name: 'Plan', lookup_key: 'plan' });
  const price = await make('/v1/prices', {
    entity_type: 'PLAN',
    entity_id: plan,
    type: 'FIXED',
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    billing_period_count: 1,
    invoice_cadence: 'ADVANCE',
    price_unit_type: 'FIAT',
    amount: '10',
    currency: 'usd',
  });
  const subscription = await make('/v1/subscriptions', {
    customer_id: customer,
    plan_id: plan,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_period_count: 1,
    billing_cycle: 'anniversary',
    start_date: '2026-01-01T00:00:00Z',
  });
  return [customer, feature.id, feature.meter_id ?? feature.meter?.id, plan, price, subscription, 'fuzz', 'calls', 'call'].filter(Boolean);
}

const inputSchema = (schema: z.ZodType): Record<string, unknown> =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;

function requestsTo(route: Route): fc.Arbitrary<{ path: string; body: unknown }> {
  const id = fc.oneof(
    fc.constantFrom(...ids),
    fc.string({ minLength: 1, maxLength: 20 }),
    fc.constantFrom('%', '..', 'null', 'x'.repeat(300)),
  );
  const params = fc.array(id, { minLength: 3, maxLength: 3 });
  const query = route.query ? mutated(valuesOf(inputSchema(route.query), ids)) : fc.constant({});
  const valid = route.body ? valuesOf(inputSchema(route.body), ids) : fc.constant(undefined);
  const body = route.body
    ? fc.oneof(
        { weight: 2, arbitrary: valid },
        { weight: 4, arbitrary: mutated(valid) },
        { weight: 1, arbitrary: junk },
        { weight: 1, arbitrary: fc.string() },
      )
    : valid;
  return fc.record({ params, query, body }).map((parts) => {
    let next = 0;
    const path = route.path.replace(/\{\w+\}/g, () => encodeURIComponent(wellFormed(parts.params[next++] ?? 'x')));
    const search =
      typeof parts.query === 'object' && parts.query !== null
        ? Object.entries(parts.query)
            .map(
              ([name, value]) =>
                `${encodeURIComponent(wellFormed(name))}=${encodeURIComponent(wellFormed(String(typeof value === 'object' ? JSON.stringify(value) : value)))}`,
            )
            .join('&')
        : '';
    return { path: search === '' ? path : `${path}?${search}`, body: parts.body };
  });
}

/** A lone surrogate cannot be sent in a URL at all. */
function wellFormed(text: string): string {
  return text.toWellFormed();
}

describe('no request makes a 5xx', () => {
  test.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s',
    async (_, route) => {
      await fc.assert(
        fc.asyncProperty(requestsTo(route), async ({ path, body }) => {
          const answer = await api.request(route.method, path, body, { 'x-session-token': token });
          if (answer.status >= 500)
            throw new Error(
              `${route.method} ${path} with ${JSON.stringify(body)?.slice(0, 1500)} answered ${answer.status} ${answer.text}`,
            );
          if (answer.status === 400)
            expect(answer.body).toMatchObject({ code: expect.any(String), message: expect.any(String), http_status_code: 400 });
        }),
        { numRuns: RUNS },
      );
    },
    120_000,
  );
});
