import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../support/api.ts';
import { superuser } from '../support/engines.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

/** Ends every connection of the test's database, as a failover does. */
async function cutConnections(): Promise<void> {
  const client = new pg.Client(superuser());
  await client.connect();
  await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [api.config.postgres.database]);
  await client.end();
}

test('connections that are cut while idle are replaced', async () => {
  expect((await api.request('GET', '/v1/customers')).status).toBe(200);
  await cutConnections();
  const answers = [await api.request('GET', '/v1/customers'), await api.request('GET', '/v1/customers')];
  expect(answers.at(-1)?.status).toBe(200);
  for (const answer of answers) expect([200, 503]).toContain(answer.status);
});

test('a connection that is cut between two statements of a transaction is a 503 for that request, and the process lives', async () => {
  const work = api.app.database.withTenant(api.ctx, async (tx) => {
    await tx.selectFrom('customers').select('id').execute();
    await cutConnections();
    // The cut arrives as an event of its own; the next statement finds the connection gone.
    await new Promise((resolve) => setImmediate(resolve));
    await sql`select 1`.execute(tx);
  });
  await expect(work).rejects.toMatchObject({ code: 'service_unavailable' });
  expect((await api.request('GET', '/v1/customers')).status).toBe(200);
});

test('a server that is not there is a 503 that can be tried again, and readiness says so', async () => {
  const away = await startTestApi();
  const { createApp } = await import('#app/create-app.ts');
  const { createManagementHandler } = await import('#functions/management/create-handler.ts');
  const { toGatewayEvent } = await import('../support/api.ts');
  const app = createApp({ ...away.config, postgres: { ...away.config.postgres, port: 1 } });
  const handler = createManagementHandler(app);
  const refused = await handler(toGatewayEvent('GET', '/v1/customers', undefined, { 'x-api-key': away.key }));
  expect([refused.statusCode, JSON.parse(refused.body).code, refused.headers['Retry-After']]).toEqual([503, 'service_unavailable', '1']);
  const ready = await handler(toGatewayEvent('GET', '/health/ready', undefined, {}));
  expect([ready.statusCode, JSON.parse(ready.body).engines.postgres.status]).toEqual([503, 'failing']);
  expect((await handler(toGatewayEvent('GET', '/health', undefined, {}))).statusCode).toBe(200);
  await app.close();
  await away.close();
});
