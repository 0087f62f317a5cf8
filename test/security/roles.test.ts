import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROLES } from '#access/domain/roles.ts';
import { fixedClock } from '#kernel/clock.ts';
import type { Permission } from '#kernel/permission.ts';
import type { Route } from '#platform/http/route.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { sessionFor } from '../support/portal.ts';

// Every operation by every kind of caller: exactly what docs/access.md says.

const ROOT = 'sk_root_of_roles';
const NO_ROLE = 'no role';
const PUBLISHABLE = 'publishable key';
const SENDS_EVENTS = ['POST /v1/events', 'POST /v1/events/bulk', 'POST /v1/events/raw/bulk'];
const routes = (await allRoutes()).filter((route) => route.permission !== 'public');
const nameOf = (route: Route) => `${route.method} ${route.path}`;

/** The table of docs/access.md: right -> role -> yes or no. */
const documented = new Map<string, ReadonlyMap<string, boolean>>();
const [head = [], , ...rows] = readFileSync(join(import.meta.dirname, '../../docs/access.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && line.split('|').length === 8)
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
for (const [right = '', ...cells] of rows) {
  const name = /`(\S+?)`/.exec(right)?.[1] ?? right;
  documented.set(
    right.startsWith('none named') ? 'authenticated' : name,
    new Map(cells.map((cell, index) => [head[index + 1] ?? '', cell === 'yes'])),
  );
}
/** What the page says of a right: its own row, or the one for all others of its kind. */
function saysYes(permission: Permission, role: string): boolean {
  const general = permission.replace(/:\w+/, ':*');
  const row = documented.get(permission) ?? documented.get(general);
  const answer = row?.get(role);
  if (answer === undefined) throw new Error(`docs/access.md does not say whether ${role} has ${permission}`);
  return answer;
}

let api: TestApi;
const keys = new Map<string, string>();
let token: string;
beforeAll(async () => {
  api = await startTestApi({
    clickhouse: true,
    clock: fixedClock(DateTime.utc(2026, 11, 2)),
    env: { FLEXPRICE_AUTH_ROOT_KEY: ROOT, FLEXPRICE_AUTH_ROOT_TENANT_ID: 'tenant_root' },
  });
  for (const role of ROLES) keys.set(role, await api.keyWith([role]));
  keys.set(NO_ROLE, await api.keyWith([]));
  const publishable = await api.request('POST', '/v1/secrets/api/keys', { name: 'browser', type: 'publishable_key' });
  keys.set(PUBLISHABLE, publishable.body.api_key);
  await api.request('POST', '/v1/customers', { external_id: 'shopper', name: 'Shopper' });
  token = await sessionFor(api, 'shopper');
});
afterAll(() => api.close());

async function statusOf(route: Route, headers: Record<string, string>): Promise<number> {
  const path = route.path.replace('{key}', 'customer_portal_config').replace(/\{\w+\}/g, 'none');
  const answer = await api.send(route.method, path, route.body ? {} : undefined, headers);
  if (answer.status === 403 && route.credential !== 'portal_session')
    expect([nameOf(route), answer.body]).toEqual([nameOf(route), { message: 'insufficient permissions' }]);
  return answer.status;
}

test('the page has a row for each kind of right and a column for each role', () => {
  expect(head.slice(1)).toEqual([...ROLES]);
  expect(documented.size).toBe(8);
});

test('what reads takes a right to read, and what changes something a right to write', () => {
  const open = routes.filter((route) => route.permission === 'authenticated' && route.credential !== 'portal_session').map(nameOf);
  expect(open.sort()).toEqual(['GET /v1/rbac/roles', 'GET /v1/users/me']);
  const reading = routes.filter((route) => route.method === 'GET' && route.permission.startsWith('write:')).map(nameOf);
  expect(reading).toEqual(['GET /v1/customers/portal/{external_id}']);
  const changing = routes.filter((route) => ['PUT', 'DELETE'].includes(route.method) && route.permission.startsWith('read:'));
  expect(changing).toEqual([]);
});

const withKey = routes.filter((route) => route.credential !== 'portal_session');
describe.each(withKey.map((route) => [nameOf(route), route] as const))('%s', (name, route) => {
  test('admits the roles that the page says', async () => {
    for (const role of ROLES) {
      const status = await statusOf(route, { 'x-api-key': keys.get(role) ?? '' });
      expect([role, status !== 403, status === 401]).toEqual([role, saysYes(route.permission, role), false]);
    }
    const without = await statusOf(route, { 'x-api-key': keys.get(NO_ROLE) ?? '' });
    expect([NO_ROLE, without !== 403]).toEqual([NO_ROLE, route.permission === 'authenticated']);
  });

  test('admits a publishable key where events are sent, the root key, and no session', async () => {
    expect((await statusOf(route, { 'x-api-key': keys.get(PUBLISHABLE) ?? '' })) !== 403).toBe(SENDS_EVENTS.includes(name));
    // The root key is an operator's, and of a tenant that nobody has made here.
    const root = await api.send(route.method, route.path.replace(/\{\w+\}/g, 'none'), route.body ? {} : undefined, { 'x-api-key': ROOT });
    expect(root.body?.message).not.toBe('insufficient permissions');
    expect(await statusOf(route, { 'x-session-token': token })).toBe(401);
  });
});

test.each(routes.filter((route) => route.credential === 'portal_session').map((route) => [nameOf(route), route] as const))(
  '%s admits a session and no key',
  async (_, route) => {
    expect(await statusOf(route, { 'x-api-key': api.key })).toBe(401);
    expect(await statusOf(route, { 'x-session-token': token })).not.toBe(401);
  },
);
