import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import type { Route } from '#platform/http/route.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { sessionFor } from '../support/portal.ts';
import { seedEverything, type World } from '../support/world.ts';
import { requestFor } from '../support/world-requests.ts';

// All expansions of all operations, together: what is expanded is shown by its contract, as it is where it is asked for by itself. An answer
// with a field that its contract does not name is a 500 here, because the tests check answers.
const routes = await allRoutes();
let api: TestApi;
let world: World;
let session: string;
beforeAll(async () => {
  api = await startTestApi({ clickhouse: true });
  world = await seedEverything(api);
  const shown = await api.request('PUT', '/v1/settings/customer_portal_config', { value: { cost_analytics_enabled: true } });
  expect([shown.status, shown.status < 300 ? '' : shown.text]).toEqual([200, '']);
  session = await sessionFor(api, world.externalCustomerId);
});
afterAll(() => api.close());

const fieldOf = (schema: z.ZodType | undefined): z.ZodType | undefined =>
  schema instanceof z.ZodObject ? (schema.shape.expand as z.ZodType | undefined) : undefined;
const expanding = routes.filter(({ query, body }) => fieldOf(query) ?? fieldOf(body));

/** Asks with these expansions, in the way of the operation. */
async function ask(route: Route, expand: string | readonly string[]) {
  const { path, body } = requestFor(world, api.ctx, route);
  const asked = fieldOf(route.query)
    ? { path: `${path}${path.includes('?') ? '&' : '?'}expand=${expand}`, body }
    : { path, body: { ...(body as object), expand } };
  return api.send(route.method, asked.path, asked.body, { 'x-api-key': api.key, 'x-session-token': session });
}

/** What an operation can expand, as it says itself. */
async function expansionsOf(route: Route): Promise<string | string[]> {
  const list = fieldOf(route.body)?.safeParse(['nothing']);
  const isList = list?.error?.issues.some(({ path }) => path[0] === 0);
  const refused = await ask(route, isList ? ['nothing'] : 'nothing');
  expect([route.operationId, refused.status]).toEqual([route.operationId, 400]);
  if (isList) return (list?.error?.issues.flatMap((issue) => (issue.code === 'invalid_value' ? issue.values : [])) ?? []) as string[];
  const known = /known are: ([^"]*)$/.exec(refused.body.error?.message ?? refused.body.message)?.[1] ?? '';
  expect(known).not.toBe('');
  return known === 'none' ? '' : known.replaceAll(', ', ',');
}

test.each(expanding.map((route) => [route.operationId, route] as const))('%s shows all that it expands by contract', async (_, route) => {
  const expand = await expansionsOf(route);
  const answer = await ask(route, expand);
  expect([answer.status, answer.status === 200 ? '' : answer.text]).toEqual([200, '']);
});

test('the subscription of an invoice is the one that its own operation shows, without what only that one has', async () => {
  const { body: invoice } = await api.request('GET', `/v1/invoices/${world.invoiceId}?expand=subscription`);
  const { body: own } = await api.request('GET', `/v1/subscriptions/${world.subscriptionId}`);
  const { plan: _, customer: __, line_items: ___, latest_invoice: ____, ...bare } = own;
  expect(invoice.subscription).toEqual(bare);
});
