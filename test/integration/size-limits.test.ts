import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../support/api.ts';

// What is kept beside an entity travels with every page that shows it: both have their bounds, and both say so.

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const keys = (count: number, value: string) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, value]));
const customer = (id: string, metadata: unknown) => api.request('POST', '/v1/customers', { external_id: id, name: 'Large', metadata });

test.each([
  ['51 keys', keys(51, 'x'), 'must have at most 50 keys'],
  ['more than 16 KB in one', { ...keys(4, 'x'.repeat(4096)), k: '' }, 'must not be longer than 16384 bytes, keys included'],
  ['more than 16 KB in characters of several bytes', keys(5, '€'.repeat(1_200)), 'must not be longer than 16384 bytes, keys included'],
])('metadata of %s is refused by name, wherever there is metadata', async (_, metadata, reason) => {
  const plan = (await api.request('POST', '/v1/plans', { name: 'P', lookup_key: 'p' })).body;
  for (const answer of [
    await customer('refused', metadata),
    await api.request('POST', '/v1/plans', { name: 'Q', lookup_key: 'q', metadata }),
    await api.request('PUT', `/v1/plans/${plan.id}`, { metadata }),
    await api.request('POST', '/v1/features', { name: 'F', type: 'boolean', metadata }),
  ])
    expect([answer.status, answer.body.message]).toEqual([400, `metadata: ${reason}`]);
  await api.request('DELETE', `/v1/plans/${plan.id}`);
});

test('metadata up to its bounds is kept', async () => {
  const metadata = keys(50, 'x'.repeat(324));
  const made = await customer('kept', metadata);
  expect([made.status, made.body.metadata]).toEqual([201, metadata]);
});

test('a page that no gateway would carry is refused with the way out, and a smaller one comes', async () => {
  const metadata = keys(4, 'x'.repeat(4_090));
  for (let from = 0; from < 400; from += 20)
    await Promise.all(Array.from({ length: 20 }, (_, index) => customer(`large-${from + index}`, metadata)));
  for (const answer of [
    await api.request('GET', '/v1/customers?limit=1000'),
    await api.request('POST', '/v1/customers/search', { limit: 1000 }),
  ]) {
    expect([answer.status, answer.body.details.field]).toEqual([400, 'limit']);
    expect(answer.body.message).toBe('limit: these rows are too large for one page: ask for 255 at a time');
  }
  const smaller = await api.request('GET', '/v1/customers?limit=255');
  expect([smaller.status, smaller.body.items.length]).toEqual([200, 255]);
});

test('texts that lists are sorted by fit their indexes, in characters of any size', async () => {
  const long = '長'.repeat(1_000);
  for (const [path, body, field] of [
    ['/v1/customers', { external_id: 'x', name: long }, 'name'],
    ['/v1/customers', { external_id: long, name: 'X' }, 'external_id'],
    ['/v1/plans', { name: 'X', lookup_key: long }, 'lookup_key'],
  ] as const) {
    const refused = await api.request('POST', path, body);
    expect([refused.status, refused.body.message]).toEqual([400, `${field}: must not be longer than 2000 bytes`]);
  }
  // Nothing compresses this: what fits by its length fits the index.
  const noise = Array.from({ length: 666 }, (_, index) => String.fromCodePoint(0x4e00 + ((index * 7919) % 20_000))).join('');
  const kept = await api.request('POST', '/v1/customers', { external_id: noise, name: noise, email: noise, contact: noise });
  expect([kept.status, kept.body.name]).toEqual([201, noise]);
  const described = await api.request('POST', '/v1/plans', { name: 'Described', description: long });
  expect([described.status, described.body.description]).toEqual([201, long]);
});
