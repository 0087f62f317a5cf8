import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const outbox = () =>
  api.app.database.withTenant(api.ctx, (tx) =>
    tx
      .selectFrom('outbox')
      .select(['eventName', 'entityId', 'requestId', 'actorId'])
      .where('entityType', '=', 'customer')
      .orderBy('position')
      .execute(),
  );

test('a customer is created, read, changed and deleted, and every change is in the outbox', async () => {
  const made = await api.request(
    'POST',
    '/v1/customers',
    { external_id: 'acme', name: 'Acme', email: 'a@acme.test', timezone: 'Asia/Kolkata', metadata: { Plan_Tier: 'Gold' } },
    { 'x-request-id': 'r-1' },
  );
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({
    external_id: 'acme',
    name: 'Acme',
    timezone: 'Asia/Kolkata',
    metadata: { Plan_Tier: 'Gold' },
    status: 'published',
    tenant_id: api.ctx.tenantId,
  });
  expect(made.body.id).toMatch(/^cust_[0-9A-Z]{26}$/);
  expect(made.body).not.toHaveProperty('contact');

  const changed = await api.request('PUT', `/v1/customers/${made.body.id}`, { name: 'Acme Inc', metadata: { a: 'b' } });
  expect(changed.body).toMatchObject({ name: 'Acme Inc', email: 'a@acme.test', metadata: { a: 'b' } });
  const byExternal = await api.request('PUT', '/v1/customers?external_customer_id=acme', { contact: 'Ann' });
  expect(byExternal.body).toMatchObject({ name: 'Acme Inc', contact: 'Ann' });
  expect((await api.request('GET', '/v1/customers/external/acme')).body).toEqual(
    (await api.request('GET', `/v1/customers/${made.body.id}`)).body,
  );

  expect((await api.request('DELETE', `/v1/customers/${made.body.id}`)).status).toBe(204);
  expect((await api.request('GET', `/v1/customers/${made.body.id}`)).status).toBe(404);
  expect((await api.request('POST', '/v1/customers', { external_id: 'acme', name: 'Again' })).status).toBe(201);
  const rows = (await outbox()).filter((row) => row.entityId === made.body.id);
  expect(rows.map((row) => row.eventName)).toEqual(['customer.created', 'customer.updated', 'customer.updated', 'customer.deleted']);
  expect(rows[0]).toMatchObject({ requestId: 'r-1' });
});

describe('bad input is refused, names the field, and changes nothing', () => {
  test.each([
    ['nothing', {}, 400, 'external_id'],
    ['a name that no path can hold', { external_id: '.', name: 'E' }, 400, 'external_id'],
    ['another one', { external_id: '..', name: 'E' }, 400, 'external_id'],
    ['an empty name', { external_id: 'e', name: ' ' }, 400, 'name'],
    ['a number for a name', { external_id: 'e', name: 5 }, 400, 'name'],
    ['an unknown time zone', { external_id: 'e', name: 'E', timezone: 'Mars/Base' }, 400, 'timezone'],
    ['metadata that is no map of strings', { external_id: 'e', name: 'E', metadata: { a: 1 } }, 400, 'metadata.a'],
    ['malformed JSON', '{"external_id": ', 400, 'body'],
    ['a list', '[]', 400, 'body'],
    ['NUL', { external_id: 'e\u0000', name: 'E' }, 400, 'external_id'],
  ])('%s', async (_, body, status, field) => {
    const before = (await api.request('GET', '/v1/customers?limit=1')).body.pagination.total;
    const answer = await api.request('POST', '/v1/customers', body);
    expect([answer.status, answer.body.code, answer.body.details.field]).toEqual([status, 'validation_error', field]);
    expect(answer.body.http_status_code).toBe(400);
    expect((await api.request('GET', '/v1/customers?limit=1')).body.pagination.total).toBe(before);
  });

  test('a second customer with the external id is a conflict', async () => {
    await api.request('POST', '/v1/customers', { external_id: 'dup', name: 'One' });
    const answer = await api.request('POST', '/v1/customers', { external_id: 'dup', name: 'Two' });
    expect([answer.status, answer.body.code, answer.body.details]).toEqual([
      409,
      'already_exists',
      { entity: 'customer', field: 'external_id' },
    ]);
  });

  test.each([
    ['GET', '/v1/customers/cust_none'],
    ['PUT', '/v1/customers/cust_none'],
    ['DELETE', '/v1/customers/cust_none'],
    ['GET', '/v1/customers/external/none'],
  ])('%s %s', async (method, path) => {
    const answer = await api.request(method, path, method === 'PUT' ? { name: 'X' } : undefined);
    expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
  });
});

test('null and an empty text say nothing, and take a value away', async () => {
  const nothing = { email: null, contact: '', address_city: null, timezone: '', metadata: null };
  const made = await api.request('POST', '/v1/customers', { external_id: 'bare', name: 'Bare', ...nothing });
  expect([made.status, made.body], made.text).toMatchObject([201, { timezone: 'UTC', metadata: {} }]);
  expect([made.body.email, made.body.contact, made.body.address_city]).toEqual([undefined, undefined, undefined]);
  const whole = { email: 'a@b.test', contact: 'C', address_city: 'D', timezone: 'Asia/Kolkata', metadata: { a: 'b' } };
  expect((await api.request('PUT', `/v1/customers/${made.body.id}`, whole)).body).toMatchObject(whole);
  expect((await api.request('PUT', `/v1/customers/${made.body.id}`, { name: 'Still' })).body).toMatchObject(whole);
  const emptied = (await api.request('PUT', `/v1/customers/${made.body.id}`, nothing)).body;
  expect(emptied).toMatchObject({ name: 'Still', timezone: 'UTC', metadata: {} });
  expect([emptied.email, emptied.contact, emptied.address_city]).toEqual([undefined, undefined, undefined]);
});

test('a customer cannot be renamed to what no path can hold', async () => {
  const { body } = await api.request('POST', '/v1/customers', { external_id: 'named', name: 'N' });
  const answer = await api.request('PUT', `/v1/customers/${body.id}`, { external_id: '..' });
  expect([answer.status, answer.body.details.field]).toEqual([400, 'external_id']);
});

describe('lists', () => {
  beforeAll(async () => {
    for (const name of ['Lima', 'Oslo', 'Rome'])
      await api.request('POST', '/v1/customers', { external_id: `list-${name}`, name, email: `${name}@list.test` });
  });

  test('page without overlap, and say where the next page starts', async () => {
    const first = await api.request('GET', '/v1/customers?limit=2&sort=name&order=asc&external_ids=list-Lima,list-Oslo,list-Rome');
    const second = await api.request(
      'GET',
      `/v1/customers?limit=2&offset=${first.body.pagination.offset}&sort=name&order=asc&external_ids=list-Lima&external_ids=list-Oslo,list-Rome`,
    );
    expect(first.body.pagination).toMatchObject({ total: 3, limit: 2, offset: 2 });
    expect([...first.body.items, ...second.body.items].map((item) => item.name)).toEqual(['Lima', 'Oslo', 'Rome']);
  });

  test.each([
    [{ field: 'name', operator: 'eq', data_type: 'string', value: { string: 'Oslo' } }, ['Oslo']],
    [{ field: 'name', operator: 'contains', data_type: 'string', value: { string: 'm' } }, ['Lima', 'Rome']],
    [{ field: 'name', operator: 'contains', data_type: 'string', value: { string: '%' } }, []],
    [{ field: 'external_id', operator: 'in', data_type: 'array', value: { array: ['list-Rome', 'none'] } }, ['Rome']],
    [{ field: 'created_at', operator: 'before', data_type: 'date', value: { date: '2020-01-01T00:00:00Z' } }, []],
  ])('filter by %j', async (filter, names) => {
    const scope = { field: 'email', operator: 'contains', data_type: 'string', value: { string: '@list.test' } };
    const answer = await api.request('POST', '/v1/customers/search', {
      filters: [scope, filter],
      sort: [{ field: 'name', direction: 'asc' }],
    });
    expect(answer.body.items.map((item: { name: string }) => item.name)).toEqual(names);
  });

  test.each([
    ['?limit=0', 'limit'],
    ['?limit=1001', 'limit'],
    ['?offset=-1', 'offset'],
    ['?sort=secret', 'sort'],
    ['?status=gone', 'status'],
    ['?start_time=2026-02-01T00:00:00Z&end_time=2026-01-01T00:00:00Z', 'end_time'],
    ['?start_time=yesterday', 'start_time'],
  ])('%s is refused', async (query, field) => {
    const answer = await api.request('GET', `/v1/customers${query}`);
    expect([answer.status, answer.body.details.field]).toEqual([400, field]);
  });

  test.each([
    [{ field: 'tenant_id', operator: 'eq', data_type: 'string', value: { string: 'x' } }, 'filters[0].field'],
    [{ field: 'name', operator: 'like', data_type: 'string', value: { string: 'x' } }, 'filters[0].operator'],
    [{ field: 'name', operator: 'eq', data_type: 'string' }, 'filters[0].value'],
    [{ field: 'created_at', operator: 'eq', data_type: 'date', value: { string: 'x' } }, 'filters[0].value'],
  ])('filter %j is refused', async (filter, field) => {
    const answer = await api.request('POST', '/v1/customers/search', { filters: [filter] });
    expect([answer.status, answer.body.details.field]).toEqual([400, field]);
  });
});
