import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { newId } from '#kernel/ids.ts';
import { ensureRootTenant } from '#tenancy/root-tenant.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

const ROOT_KEY = 'sk_root_of_a_new_deployment';
let api: TestApi;
let tenant: string;
beforeAll(async () => {
  tenant = newId('tenant', systemClock);
  api = await startTestApi({ env: { FLEXPRICE_AUTH_ROOT_KEY: ROOT_KEY, FLEXPRICE_AUTH_ROOT_TENANT_ID: tenant } });
});
afterAll(() => api.close());

test('the root key of a new deployment can make the first key, and its tenant is made once', async () => {
  expect(await ensureRootTenant(api.app.tenancy, tenant)).toBe(true);
  expect(await ensureRootTenant(api.app.tenancy, tenant)).toBe(false);
  const root = { 'x-api-key': ROOT_KEY };
  const { body } = await api.send('GET', '/v1/environments', undefined, root);
  expect(body.environments.map(({ type }: { type: string }) => type).sort()).toEqual(['development', 'production']);

  const made = await api.send(
    'POST',
    '/v1/secrets/api/keys',
    { name: 'canary', type: 'private_key', roles: ['event_ingestor'] },
    { ...root, 'x-environment-id': body.environments[0].id },
  );
  expect(made.status).toBe(201);
  expect((await api.send('GET', '/v1/users/me', undefined, { 'x-api-key': made.body.api_key })).status).toBe(200);
});
