import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerKey, completed, completeForClient, isPublishedClient } from './complete.ts';

const SCHEMAS = {
  Plan: { id: null, price: 'Price', prices: ['Price'], named: { '*': 'Price' } },
  Price: { amount: null, parent: 'Price' },
} as const;

describe('gaps', () => {
  test.each([
    [{}, { id: null, price: null, prices: null, named: null }],
    [
      { id: 'a', price: {}, more: 1 },
      { id: 'a', price: { amount: null, parent: null }, prices: null, named: null, more: 1 },
    ],
    [
      { prices: [{ amount: '1' }, null], named: { x: {} } },
      { id: null, price: null, prices: [{ amount: '1', parent: null }, null], named: { x: { amount: null, parent: null } } },
    ],
    // What has another form than the client thinks stays as it is.
    [
      { id: 'a', price: 'text', prices: {}, named: null },
      { id: 'a', price: 'text', prices: {}, named: null },
    ],
    [[], []],
    ['text', 'text'],
    [null, null],
  ])('%j', (value, filled) => {
    expect(completed(value, 'Plan', SCHEMAS)).toEqual(filled);
  });

  test('keys that JavaScript knows as something else are data', () => {
    const value: unknown = JSON.parse('{"named":{"__proto__":{"amount":"1"},"constructor":{}}}');
    expect(JSON.stringify(completed(value, 'Plan', SCHEMAS))).toContain(
      '"__proto__":{"amount":"1","parent":null},"constructor":{"amount":null,"parent":null}',
    );
  });

  test('nothing that is there is changed', () => {
    const without = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(without)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, without(inner)]])))
          : value;
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const copy: unknown = JSON.parse(JSON.stringify({ price: value, prices: [value], named: { a: value } }));
        expect(without(completed(structuredClone(copy), 'Plan', SCHEMAS))).toEqual(without(copy));
      }),
    );
  });
});

test.each([
  ['speakeasy-sdk/typescript 2.0.1 2.845.12 1.0 @flexprice/sdk', true],
  ['speakeasy-sdk/typescript 2.1.25 2.900.0 1.0 @flexprice/sdk', true],
  ['speakeasy-sdk/typescript 1.2.3 2.845.12 1.0 @somebody/else', false],
  ['speakeasy-sdk/go 2.0.1 2.845.12 1.0 github.com/flexprice/go-sdk', false],
  ['curl/8.5.0', false],
  [undefined, false],
])('%s is the published client: %s', (agent, is) => {
  expect(isPublishedClient(agent === undefined ? {} : { 'user-agent': agent })).toBe(is);
});

test('answers, lists and errors of what the client knows are completed, all others stay as they are', async () => {
  const feature = JSON.parse(
    await completeForClient(answerKey('PUT', '/v1/features/{id}'), 200, '{"id":"feat_1","meter":{"id":"meter_1"}}'),
  );
  expect(feature).toMatchObject({ id: 'feat_1', alert_settings: null, meter: { id: 'meter_1', filters: null } });
  const list = JSON.parse(await completeForClient('POST /v1/features/search', 200, '{"items":[{"id":"feat_1"}]}'));
  expect(list).toMatchObject({ items: [{ id: 'feat_1', description: null }], pagination: null });
  expect(JSON.parse(await completeForClient(undefined, 404, '{"code":"not_found"}'))).toEqual({
    code: 'not_found',
    error: null,
    success: null,
  });
  for (const body of ['', '{"items":[]}']) expect(await completeForClient('GET /v1/of/ours', 200, body)).toBe(body);
});

test('an answer that would outgrow what a function may send stays as it is', async () => {
  const list = (count: number): string => JSON.stringify({ items: Array.from({ length: count }, (_, index) => ({ id: `feat_${index}` })) });
  const [small, large] = [list(1_000), list(20_000)];
  expect((await completeForClient('POST /v1/features/search', 200, small)).length).toBeGreaterThan(small.length);
  expect(await completeForClient('POST /v1/features/search', 200, large)).toBe(large);
});
