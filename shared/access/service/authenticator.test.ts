import { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { hashKey } from '../domain/key-hash.ts';
import type { KeyPrincipal, Principal } from '../domain/principal.ts';
import { createAuthenticator } from './authenticator.ts';

const KEY = 'sk_live_1';
const bound: KeyPrincipal = {
  tenantId: 'tenant_1',
  environmentId: 'env_1',
  actorId: 'secret_1',
  actorType: 'api_key',
  roles: ['all_writer'],
  tenantSuspended: false,
  keyId: 'secret_1',
  expiresAtMs: null,
  usedAtMs: null,
};
const settings = { header: 'x-api-key', cache_seconds: 60, outage_seconds: 3600, root_key: 'root', root_tenant_id: 'tenant_root' };

/** A store that counts its look-ups. */
function storeOf(
  keys: Map<string, KeyPrincipal>,
  environments: readonly string[] = [],
  sessions: ReadonlyMap<string, Principal & { expiresAtMs: number }> = new Map(),
) {
  const asked: string[] = [];
  const seen = <T>(value: T, tenantId: string) => ({ value, tenantId, change: '', horizon: 1n });
  return {
    asked,
    findByKeyHash: async (hash: string) => {
      asked.push(hash);
      const key = keys.get(hash);
      return key === undefined ? null : seen(key, key.tenantId);
    },
    changesSince: async (horizon: bigint) => ({ changes: [], horizon }),
    noteUses: async () => undefined,
    findByTokenHash: async (hash: string) => {
      asked.push(hash);
      return sessions.get(hash) ?? null;
    },
    findEnvironment: async (tenantId: string, environmentId: string) => {
      asked.push(`${tenantId} ${environmentId}`);
      return environments.includes(`${tenantId} ${environmentId}`) ? seen({}, tenantId) : null;
    },
  };
}
const clock = fixedClock(DateTime.utc(2026, 3, 1));
const authenticator = (store: ReturnType<typeof storeOf>, more: Partial<typeof settings> = {}) =>
  createAuthenticator({ ...settings, ...more }, store, clock);
const advance = (milliseconds: number): void => clock.set(clock.now().plus({ milliseconds }));

test('a key is looked up by its hash, once, and anew in a while behind a request; its text is never handed on', async () => {
  const keys = new Map([[hashKey(KEY), bound]]);
  const store = storeOf(keys);
  const { authenticate } = authenticator(store);
  for (let time = 0; time < 3; time += 1) expect(await authenticate({ 'x-api-key': KEY })).toMatchObject({ actorId: 'secret_1' });
  expect(store.asked).toEqual([hashKey(KEY)]);
  keys.clear();
  advance(60_001);
  await authenticate({ 'x-api-key': KEY });
  expect(store.asked).toEqual([hashKey(KEY), hashKey(KEY)]);
  await expect(authenticate({ 'x-api-key': KEY })).rejects.toThrow('Invalid API key');
});

test('an unknown key is remembered for 10 s, so that it costs no look-up each time, and one that was made meanwhile works soon', async () => {
  const keys = new Map<string, KeyPrincipal>();
  const store = storeOf(keys);
  const { authenticate } = authenticator(store);
  for (let time = 0; time < 3; time += 1) await expect(authenticate({ 'x-api-key': KEY })).rejects.toThrow('Invalid API key');
  expect(store.asked).toHaveLength(1);
  keys.set(hashKey(KEY), bound);
  advance(10_001);
  expect(await authenticate({ 'x-api-key': KEY })).toMatchObject({ tenantId: 'tenant_1' });
});

test('the header of the key is the configured one, and no other', async () => {
  const { authenticate } = authenticator(storeOf(new Map([[hashKey(KEY), bound]])), { header: 'X-Our-Key' });
  expect(await authenticate({ 'x-our-key': ` ${KEY} ` })).toMatchObject({ tenantId: 'tenant_1' });
  await expect(authenticate({ 'x-api-key': KEY })).rejects.toThrow('Unauthorized');
});

test('a store that does not answer is no refusal, and nothing is remembered', async () => {
  const store = storeOf(new Map([[hashKey(KEY), bound]]));
  const { findByKeyHash } = store;
  store.findByKeyHash = async () => {
    throw new Error('away');
  };
  const { authenticate } = authenticator(store);
  await expect(authenticate({ 'x-api-key': KEY })).rejects.toThrow('away');
  store.findByKeyHash = findByKeyHash;
  expect(await authenticate({ 'x-api-key': KEY })).toMatchObject({ tenantId: 'tenant_1' });
});

test('the root key acts in the environments of its tenant only, and needs no store', async () => {
  const store = storeOf(new Map(), ['tenant_root env_root', 'tenant_1 env_1']);
  const { authenticate, contextOf } = authenticator(store);
  const root = await authenticate({ 'x-api-key': 'root' });
  expect([root.tenantId, root.roles, store.asked]).toEqual(['tenant_root', ['super_admin'], []]);
  expect(await contextOf(root, { 'x-environment-id': 'env_root' }, 'r', true)).toMatchObject({ environmentId: 'env_root' });
  for (const headers of [{}, { 'x-environment-id': '' }, { 'x-environment-id': 'env_1' }]) {
    await expect(contextOf(root, headers as Record<string, string>, 'r', true)).rejects.toMatchObject({
      body: { error: 'Access denied', message: 'Invalid or inaccessible environment' },
    });
  }
  expect(await contextOf(root, {}, 'r', false)).toMatchObject({ environmentId: '' });
});

test('a root key without its tenant is no key', async () => {
  const { root_tenant_id: _, ...rest } = settings;
  const { authenticate } = createAuthenticator({ ...rest }, storeOf(new Map()), clock);
  await expect(authenticate({ 'x-api-key': 'root' })).rejects.toThrow('Invalid API key');
});

describe('a session token', () => {
  const token = 'ps_1';
  const session: Principal & { expiresAtMs: number } = {
    ...bound,
    actorId: 'cust_1',
    actorType: 'customer',
    roles: [],
    expiresAtMs: DateTime.utc(2026, 3, 2).toMillis(),
  };
  const over = { ...session, expiresAtMs: DateTime.utc(2026, 2, 1).toMillis() };
  const start = () => {
    const store = storeOf(
      new Map([[hashKey(KEY), bound]]),
      [],
      new Map([
        [hashKey(token), session],
        [hashKey('ps_over'), over],
      ]),
    );
    return { store, ...authenticator(store) };
  };

  test('is looked up by its hash each time, so that a session which is ended opens nothing more', async () => {
    const { store, authenticate, contextOf } = start();
    for (let time = 0; time < 2; time += 1) expect(await authenticate({ 'x-session-token': ` ${token} ` }, 'portal_session')).toBe(session);
    expect(store.asked).toEqual([hashKey(token), hashKey(token)]);
    // Its environment is the session's, whatever the header says.
    expect(await contextOf(session, { 'x-environment-id': 'env_2' }, 'r', true)).toMatchObject({
      environmentId: 'env_1',
      actorId: 'cust_1',
      actorType: 'customer',
      roles: [],
    });
  });

  test.each([
    ['no token', { 'x-api-key': KEY }, 'Unauthorized'],
    ['a blank one', { 'x-session-token': ' ' }, 'Unauthorized'],
    ['an unknown one', { 'x-session-token': 'ps_2' }, 'Invalid session token'],
    ['an API key', { 'x-session-token': KEY, 'x-api-key': KEY }, 'Invalid session token'],
    ['one that is over', { 'x-session-token': 'ps_over' }, 'Session token has expired'],
  ])('is needed where a route takes one: %s is refused', async (_, headers, message) => {
    await expect(start().authenticate(headers, 'portal_session')).rejects.toThrow(message);
  });

  test.each([
    [{ 'x-session-token': token }, 'Unauthorized'],
    [{ 'x-api-key': token }, 'Invalid API key'],
    [{ 'x-session-token': token, 'x-api-key': token }, 'Invalid API key'],
  ])('counts for nothing where a route takes a key: %j', async (headers, message) => {
    await expect(start().authenticate(headers as Record<string, string>, 'api_key')).rejects.toThrow(message);
  });
});
