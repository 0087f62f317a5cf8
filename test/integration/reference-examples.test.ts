import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Route } from '#platform/http/route.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { type RunningConsumer, startConsumer } from '#workers/consumer/run.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import { OPERATIONS } from '../../scripts/reference/operations.ts';
import { type Answer, startTestApi, type TestApi } from '../support/api.ts';
import { sweep } from '../support/billing-api.ts';
import { deadLetter, ensureTopics, packLine } from '../support/events.ts';

// What the reference shows works: every example is sent, in their order, on an empty environment.

const WAIT = { timeout: 20_000, interval: 100 };
/** Asked again until the events of before are stored. */
const AFTER_EVENTS = new Set(['getEventById', 'getEvent']);
const ROOT_KEY = 'sk_root_of_the_examples';
const routes = new Map((await allRoutes()).map((route) => [route.operationId, route]));
const names: Record<string, string> = {};
let api: TestApi;
let consumer: RunningConsumer;
beforeAll(async () => {
  api = await startTestApi({
    clickhouse: true,
    env: {
      FLEXPRICE_AUTH_ROOT_KEY: ROOT_KEY,
      FLEXPRICE_AUTH_ROOT_TENANT_ID: 'tenant_root',
      FLEXPRICE_CONSUMER_MAX_WAIT_MS: '20',
      FLEXPRICE_BILLING_FINALIZATION_DELAY_SECONDS: '7200',
    },
  });
  await ensureTopics(api.app);
  await (await api.app.eventLog).append('events.dlq', [deadLetter(api.ctx, packLine('example'), 'invalid_event')]);
  consumer = await startConsumer({ app: api.app, logger: silentLogger });
  names.tenant = api.ctx.tenantId;
  names.unusedPlan = (await api.request('POST', '/v1/plans', { name: 'Unused' })).body.id;
  names.unusedCustomer = (await api.request('POST', '/v1/customers', { external_id: 'unused', name: 'Unused' })).body.id;
  names.deadLetter = (await api.request('GET', '/v1/events/dead-letters')).body.items[0].id;
});
afterAll(async () => {
  await consumer.stop();
  await api.close();
});

function filled<T>(value: T): T {
  if (value === undefined) return value;
  return JSON.parse(
    JSON.stringify(value).replace(/\$(\w+)/g, (_, name: string) => {
      if (names[name] === undefined) throw new Error(`nothing gave ${name}`);
      return names[name];
    }),
  ) as T;
}
const at = (body: unknown, way: string): unknown =>
  way.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown>)?.[key], body);

function send(route: Route, operationId: string): Promise<Answer> {
  const { path = {}, query = {}, body } = filled(OPERATIONS[operationId] ?? { says: '' });
  const search = new URLSearchParams(query).toString();
  const url = `${route.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? `no ${name}`))}${search && `?${search}`}`;
  if (route.credential === 'portal_session') return api.send(route.method, url, body, { 'x-session-token': names.token ?? '' });
  return operationId.endsWith('IngestTerms')
    ? api.send(route.method, url, body, { 'x-api-key': ROOT_KEY })
    : api.request(route.method, url, body);
}

test('every operation is described, in words of its own, and no other is', () => {
  expect(Object.keys(OPERATIONS).sort()).toEqual([...routes.keys()].sort());
  for (const [operationId, { says }] of Object.entries(OPERATIONS)) expect([operationId, says.length > 5]).toEqual([operationId, true]);
  const withBody = [...routes.values()].filter(({ body }) => body !== undefined).map(({ operationId }) => operationId);
  expect(withBody.filter((operationId) => OPERATIONS[operationId]?.body === undefined)).toEqual([]);
});

test.each(Object.keys(OPERATIONS))('%s', async (operationId) => {
  const route = routes.get(operationId);
  if (route === undefined) throw new Error('no such operation');
  if (operationId === 'queryInvoice') await sweep(api);
  let answer = await send(route, operationId);
  if (AFTER_EVENTS.has(operationId))
    await expect
      .poll(async () => {
        answer = await send(route, operationId);
        return answer.status;
      }, WAIT)
      .toBe(200);
  expect([answer.status < 300, answer.status < 300 ? '' : answer.text]).toEqual([true, '']);
  for (const [name, way] of Object.entries(OPERATIONS[operationId]?.gives ?? {})) {
    names[name] = String(at(answer.body, way));
    expect([name, at(answer.body, way)]).not.toEqual([name, undefined]);
  }
});
