import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '#kernel/ids.ts';
import { type Answer, startTestApi, type TestApi } from '../support/api.ts';
import { validEvent } from '../support/events.ts';

// What a new key may do: never more than its maker, its service account and its type have.

const NOW = DateTime.utc(2026, 11, 1);
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clickhouse: true, clock: { now: () => NOW } });
});
afterAll(() => api.close());

const INSUFFICIENT = { status: 403, body: { message: 'insufficient permissions' } };
const make = (body: object, key = api.key): Promise<Answer> =>
  api.send('POST', '/v1/secrets/api/keys', { name: 'made', type: 'private_key', ...body }, { 'x-api-key': key });
const by = (made: Answer) => (method: string, path: string, body?: unknown) =>
  api.send(method, path, body, { 'x-api-key': made.body.api_key });
const event = () => validEvent({ timestamp: NOW.toISO() });
/** A service account, as the administration of people will make it. */
async function serviceAccount(roles: readonly string[]): Promise<string> {
  const id = newId('user', api.app.clock);
  await api.app.database.withTenant(api.ctx, (tx) =>
    tx
      .insertInto('users')
      .values({ id, email: null, name: id, type: 'service_account', roles: roles as never, createdAt: NOW, updatedAt: NOW })
      .execute(),
  );
  return id;
}

describe('a publishable key sends events and does nothing else', () => {
  test.each(['super_admin', 'all_writer'])('when %s has made it', async (maker) => {
    const made = await make({ type: 'publishable_key' }, await api.keyWith([maker]));
    expect([made.status, made.body.api_key.slice(0, 3), made.body.secret.roles]).toEqual([201, 'pk_', ['event_ingestor']]);
    const request = by(made);
    expect((await request('POST', '/v1/events', event())).status).toBe(202);
    expect((await request('POST', '/v1/events/bulk', { events: [event()] })).status).toBe(202);
    for (const [method, path, body] of [
      ['POST', '/v1/customers', { external_id: 'x', name: 'X' }],
      ['GET', '/v1/customers'],
      ['GET', '/v1/events'],
      ['POST', '/v1/events/reprocess', {}],
      ['POST', '/v1/events/dead-letters/redrive', {}],
      ['GET', '/v1/users/me'],
      ['GET', '/v1/rbac/roles'],
    ] as const)
      expect(await request(method, path, body)).toMatchObject(INSUFFICIENT);
  });

  test.each([[['super_admin']], [['all_writer']], [['event_ingestor', 'event_reader']]])('and cannot be given %j', async (roles) => {
    const refused = await make({ type: 'publishable_key', roles });
    expect([refused.status, refused.body.details.field]).toEqual([400, 'roles']);
  });

  test('whatever another release has stored with it', async () => {
    const made = await make({ type: 'publishable_key' });
    const { id } = made.body.secret;
    await api.app.database.withTenant(api.ctx, (tx) =>
      tx
        .updateTable('secrets')
        .set({ roles: ['all_writer'] })
        .where('id', '=', id)
        .execute(),
    );
    expect(await by(made)('GET', '/v1/customers')).toMatchObject(INSUFFICIENT);
    expect((await by(made)('POST', '/v1/events', event())).status).toBe(202);
    const { items } = (await api.request('GET', '/v1/secrets/api/keys?limit=100')).body;
    expect(items.find((key: { id: string }) => key.id === id).roles).toEqual(['event_ingestor']);
  });

  test('not even that with an empty list of roles', async () => {
    expect(await by(await make({ type: 'publishable_key', roles: [] }))('POST', '/v1/events', event())).toMatchObject(INSUFFICIENT);
  });
});

describe('a private key', () => {
  test.each([['super_admin'], ['all_writer'], ['all_writer', 'event_reader']])(
    "made without roles has its maker's: %s %s",
    async (...roles) => {
      const made = await make({}, await api.keyWith(roles.filter(Boolean)));
      expect([made.status, made.body.secret.roles]).toEqual([201, roles.filter(Boolean)]);
    },
  );

  test('holds a role that was named twice once', async () => {
    expect((await make({ roles: ['event_reader', 'event_reader'] })).body.secret.roles).toEqual(['event_reader']);
  });

  test('with an empty list of roles does nothing that takes a right, and can ask who it is', async () => {
    const made = await make({ roles: [] });
    expect([made.status, made.body.secret.roles]).toEqual([201, []]);
    const request = by(made);
    expect(await request('GET', '/v1/customers')).toMatchObject(INSUFFICIENT);
    expect(await request('POST', '/v1/events', event())).toMatchObject(INSUFFICIENT);
    const me = await request('GET', '/v1/users/me');
    expect([me.status, me.body.roles, me.body.tenant]).toEqual([200, [], undefined]);
  });

  test.each([
    [['all_reader'], 201],
    [['event_ingestor', 'event_reader'], 201],
    [['super_admin'], 400],
  ])('of an all_writer can be given %j: %i', async (roles, status) => {
    const made = await make({ roles }, await api.keyWith(['all_writer']));
    expect([made.status, made.body.details?.field]).toEqual([status, status === 400 ? 'roles' : undefined]);
  });

  test.each(['permissions', 'role', 'scopes', 'permission', 'allowed_ips', 'is_admin'])(
    'is not made where %s asks for what is not known',
    async (field) => {
      const keys = async () => (await api.request('GET', '/v1/secrets/api/keys')).body.pagination.total;
      const before = await keys();
      const refused = await make({ [field]: ['read'] });
      expect([refused.status, refused.body.code, refused.body.details.field]).toEqual([400, 'validation_error', field]);
      expect(await keys()).toBe(before);
    },
  );

  test('takes null for what it need not say', async () => {
    expect((await make({ roles: null, expires_at: null, service_account_id: null, ingest_quota: null })).body.secret.roles).toEqual([
      'super_admin',
    ]);
  });
});

describe('a key of a service account', () => {
  test.each([[['all_reader']], [['event_ingestor']], [[]]])('has its roles: %j', async (roles) => {
    const made = await make({ service_account_id: await serviceAccount(roles) });
    expect([made.status, made.body.secret.roles]).toEqual([201, roles]);
    expect((await by(made)('GET', '/v1/customers')).status).toBe(roles[0] === 'all_reader' ? 200 : 403);
  });

  test('has no right that the account lacks, and none that its maker lacks', async () => {
    const reader = await serviceAccount(['all_reader']);
    const admin = await serviceAccount(['super_admin']);
    const refused = [
      await make({ service_account_id: reader, roles: ['all_writer'] }),
      await make({ service_account_id: admin }, await api.keyWith(['all_writer'])),
      await make({ service_account_id: reader, type: 'publishable_key' }),
    ];
    expect(refused.map(({ status, body }) => [status, body.details.field])).toEqual([
      [400, 'roles'],
      [400, 'service_account_id'],
      [400, 'service_account_id'],
    ]);
  });

  test('makes keys that stand for the account, so that none becomes a person with every right', async () => {
    const account = await serviceAccount(['super_admin']);
    const first = await make({ service_account_id: account });
    const second = await make({}, first.body.api_key);
    expect(second.body.secret.user_id).toBe(account);
    for (const made of [first, second])
      expect(await by(made)('PUT', '/v1/settings/customer_portal_config', { value: {} })).toMatchObject(INSUFFICIENT);
  });
});
