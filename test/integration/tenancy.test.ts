import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

const clock = fixedClock(DateTime.utc(2026, 3, 1));
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({
    clock,
    env: { FLEXPRICE_AUTH_ROOT_KEY: 'root-secret', FLEXPRICE_AUTH_ROOT_TENANT_ID: 'tenant_root', FLEXPRICE_AUTH_CACHE_SECONDS: '0' },
  });
});
afterAll(() => api.close());

describe('credentials', () => {
  test.each([
    ['no key', {}, 401, { error: 'Unauthorized' }],
    ['a blank key', { 'x-api-key': '  ' }, 401, { error: 'Unauthorized' }],
    ['an unknown key', { 'x-api-key': 'sk_nobody' }, 401, { error: 'Invalid API key' }],
    ['a key in another header', { authorization: 'Bearer sk_somebody' }, 401, { error: 'Unauthorized' }],
  ])('%s is refused', async (_, headers, status, body) => {
    const answer = await api.send('GET', '/v1/customers', undefined, headers);
    expect([answer.status, answer.body]).toEqual([status, body]);
    expect(answer.headers['WWW-Authenticate']).toBe('ApiKey realm="flexprice", header="x-api-key"');
  });

  test('a key is shown once, masked afterwards, stored hashed, and ends with its deletion', async () => {
    const made = await api.request('POST', '/v1/secrets/api/keys', { name: 'ci', type: 'private_key' });
    expect(made.status).toBe(201);
    expect(made.body.api_key).toMatch(/^sk_[0-9A-Za-z]{43}$/);
    expect(made.body.secret.display_id).toBe(`${made.body.api_key.slice(0, 5)}***${made.body.api_key.slice(-2)}`);

    const listed = await api.request('GET', '/v1/secrets/api/keys');
    expect(listed.body.items.map((key: { id: string }) => key.id)).toContain(made.body.secret.id);
    expect(listed.text).not.toContain(made.body.api_key);
    expect(listed.text).not.toContain('hash');

    const header = { 'x-api-key': made.body.api_key };
    expect((await api.send('GET', '/v1/users/me', undefined, header)).status).toBe(200);
    expect((await api.request('DELETE', `/v1/secrets/api/keys/${made.body.secret.id}`)).status).toBe(204);
    expect((await api.send('GET', '/v1/users/me', undefined, header)).status).toBe(401);
    expect((await api.request('DELETE', `/v1/secrets/api/keys/${made.body.secret.id}`)).status).toBe(404);
  });

  test('a key works until it expires', async () => {
    const made = await api.request('POST', '/v1/secrets/api/keys', {
      name: 'short',
      type: 'private_key',
      expires_at: '2026-03-01T01:00:00Z',
    });
    const header = { 'x-api-key': made.body.api_key };
    expect((await api.send('GET', '/v1/customers', undefined, header)).status).toBe(200);
    clock.set(DateTime.utc(2026, 3, 1, 1));
    expect((await api.send('GET', '/v1/customers', undefined, header)).body).toEqual({ error: 'API key has expired' });
    const late = await api.request('POST', '/v1/secrets/api/keys', {
      name: 'late',
      type: 'private_key',
      expires_at: '2026-02-01T00:00:00Z',
    });
    expect([late.status, late.body.details.field]).toEqual([400, 'expires_at']);
  });

  test('a suspended tenant reads and does not write', async () => {
    const { ctx, key, request } = await api.tenant('Suspended');
    await api.app.database.withTenant(ctx, (tx) =>
      tx.updateTable('tenants').set({ internalStatus: 'suspended' }).where('id', '=', ctx.tenantId).execute(),
    );
    expect((await request('GET', '/v1/customers')).status).toBe(200);
    expect((await request('POST', '/v1/customers/search', {})).status).toBe(200);
    for (const [method, path] of [
      ['POST', '/v1/customers'],
      ['PUT', '/v1/tenants/update'],
      ['DELETE', '/v1/customers/cust_x'],
      ['POST', '/v1/events'],
      ['POST', '/v1/events/bulk'],
      ['POST', '/v1/secrets/api/keys'],
    ] as const) {
      const refused = await api.send(method, path, {}, { 'x-api-key': key });
      expect([method, path, refused.status, refused.body]).toEqual([method, path, 403, { message: 'tenant account is suspended' }]);
    }
  });

  test('roles bound what a key may do, and what keys it may make', async () => {
    const reader = { 'x-api-key': await api.keyWith(['all_reader']) };
    expect((await api.send('GET', '/v1/customers', undefined, reader)).status).toBe(200);
    const refused = await api.send('POST', '/v1/customers', { external_id: 'x', name: 'X' }, reader);
    expect([refused.status, refused.body]).toEqual([403, { message: 'insufficient permissions' }]);
    const writer = { 'x-api-key': await api.keyWith(['all_writer']) };
    const more = await api.send('POST', '/v1/secrets/api/keys', { name: 'more', type: 'private_key', roles: ['super_admin'] }, writer);
    expect([more.status, more.body.details.field]).toEqual([400, 'roles']);
  });
});

describe('environments', () => {
  test('a key is of one environment: a header that names another is refused, and a customer of one is not in the other', async () => {
    const [development, production] = api.environments;
    const create = (environmentId: string, key = api.key) =>
      api.send(
        'POST',
        '/v1/customers',
        { external_id: 'in-dev', name: 'D' },
        { 'x-api-key': key, ...(environmentId === '-' ? {} : { 'x-environment-id': environmentId }) },
      );
    for (const other of [production?.id ?? '', 'env_nope', `${development?.id}0`]) {
      const refused = await create(other);
      expect([refused.status, refused.body]).toEqual([
        403,
        {
          error: 'Access denied',
          message: `The key belongs to environment ${development?.id}, and X-Environment-ID names another`,
        },
      ]);
    }
    for (const [nr, same] of [` ${development?.id} `, '', '-'].entries()) expect((await create(same)).status).toBe(nr === 0 ? 201 : 409);
    // What is of the tenant is of all its environments.
    expect((await api.request('GET', '/v1/environments', undefined, { 'x-environment-id': production?.id ?? '' })).status).toBe(200);
    const live = { 'x-api-key': await api.keyWith(['super_admin'], production?.id) };
    expect((await api.send('GET', '/v1/customers/external/in-dev', undefined, live)).status).toBe(404);
    expect((await api.request('GET', '/v1/customers/external/in-dev')).body.environment_id).toBe(development?.id);
  });

  test('the root key is bound to no environment: the header decides, and must name one of the tenant', async () => {
    const { tenant, environments } = await api.app.tenancy.createTenant(
      { ...api.ctx, tenantId: 'tenant_root', environmentId: '' },
      { name: 'Root' },
    );
    const root = { 'x-api-key': 'root-secret' };
    expect((await api.send('GET', '/v1/customers', undefined, { ...root, 'x-environment-id': environments[1]?.id ?? '' })).status).toBe(
      200,
    );
    for (const header of [
      {} as Record<string, string>,
      { 'x-environment-id': 'env_none' },
      { 'x-environment-id': api.environments[0]?.id ?? '' },
    ]) {
      const answer = await api.send('GET', '/v1/customers', undefined, { ...root, ...header });
      expect([answer.status, answer.body]).toEqual([403, { error: 'Access denied', message: 'Invalid or inaccessible environment' }]);
    }
    expect((await api.send('GET', '/v1/environments', undefined, root)).body.total).toBe(2);
    expect((await api.send('GET', '/v1/users/me', undefined, root)).body.tenant.id).toBe(tenant.id);
  });

  test('are listed, created, renamed', async () => {
    const made = await api.request('POST', '/v1/environments', { name: 'Staging', type: 'development' });
    expect(made.status).toBe(201);
    expect((await api.request('PUT', `/v1/environments/${made.body.id}`, { name: 'Stage' })).body.name).toBe('Stage');
    expect((await api.request('GET', '/v1/environments')).body.environments.map((item: { name: string }) => item.name)).toContain('Stage');
    expect((await api.request('POST', '/v1/environments', { name: 'X', type: 'sandbox' })).body.details.field).toBe('type');
    expect((await api.request('GET', '/v1/environments/env_none')).status).toBe(404);
  });
});

describe('the frame around every operation', () => {
  test('echoes the request id, or makes one', async () => {
    expect((await api.request('GET', '/v1/customers', undefined, { 'x-request-id': 'mine-1' })).headers['X-Request-ID']).toBe('mine-1');
    expect((await api.request('GET', '/v1/customers')).headers['X-Request-ID']).toMatch(/^req_/);
    expect((await api.send('GET', '/v1/customers', undefined, {})).headers['X-Request-ID']).toMatch(/^req_/);
  });

  test.each([
    ['GET', '/v1/nothing'],
    ['GET', '/'],
    ['GET', '/v1/customers/a/b/c'],
    ['DELETE', '/v1/customers'],
  ])('%s %s is not found', async (method, path) => {
    const answer = await api.request(method, path);
    expect([answer.status, answer.text, answer.headers['Content-Type']]).toEqual([404, '404 page not found', 'text/plain']);
  });

  test('health needs no key', async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await api.send(method, '/health', undefined, {});
      expect([answer.status, answer.body]).toEqual([200, { status: 'ok' }]);
    }
  });

  test('an Idempotency-Key gives the first answer again, and refuses another body', async () => {
    const key = { 'idempotency-key': 'once-1' };
    const first = await api.request('POST', '/v1/customers', { external_id: 'once', name: 'Once' }, key);
    const again = await api.request('POST', '/v1/customers', { external_id: 'once', name: 'Once' }, key);
    expect([first.status, again.status, again.body]).toEqual([201, 201, first.body]);
    const other = await api.request('POST', '/v1/customers', { external_id: 'twice', name: 'Twice' }, key);
    expect([other.status, other.body.code]).toEqual([409, 'already_exists']);
    const parallel = await Promise.all(
      [1, 2, 3, 4].map(() => api.request('POST', '/v1/customers', { external_id: 'par', name: 'Par' }, { 'idempotency-key': 'par' })),
    );
    expect(new Set(parallel.map((answer) => answer.body.id)).size).toBe(1);
  });

  test('a failed request frees its Idempotency-Key', async () => {
    const key = { 'idempotency-key': 'later' };
    expect((await api.request('POST', '/v1/customers', { external_id: 'once', name: 'Taken' }, key)).status).toBe(409);
    expect((await api.request('POST', '/v1/customers', { external_id: 'free', name: 'Free' }, key)).status).toBe(201);
  });
});
