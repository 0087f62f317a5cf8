import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type * as z from 'zod';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import type { Answer } from '../support/api.ts';
import { type MeteringApi, startMeteringApi } from '../support/metering-api.ts';

// Names of properties are anybody's. Those that an object of JavaScript has of its own, or that change what it is, are data like any other.

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'] as const;
const MARCH = { start_time: '2026-03-01T00:00:00Z', end_time: '2026-04-01T00:00:00Z' };
const customer = 'own-keys';
let api: MeteringApi;

beforeAll(async () => {
  api = await startMeteringApi();
  await api.made('/v1/customers', { external_id: customer, name: 'Own keys' });
  await api.store(
    customer,
    NAMES.flatMap((name) => [
      { id: `${name}-1`, at: '2026-03-02T00:00:00Z', properties: properties(name, 2) },
      { id: `${name}-2`, at: '2026-03-02T01:00:00Z', properties: properties(name, 5) },
      { id: `${name}-3`, at: '2026-03-02T02:00:00Z', properties: { other: name } },
    ]),
  );
}, 60_000);
afterAll(() => api?.close());

/** JSON.parse makes a key of it, an assignment would not. */
const properties = (name: string, value: unknown): unknown => JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)}}`);
const usage = async (body: object): Promise<Answer['body']> =>
  (await api.request('POST', '/v1/events/usage', { event_name: 'call', external_customer_id: customer, ...MARCH, ...body })).body;

test('no request describes a map by a record that drops keys', async () => {
  const seen = new Set<unknown>();
  const records: string[] = [];
  const look = (value: unknown, place: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    const { def } = (value as { _zod?: { def: z.core.$ZodTypeDef } })._zod ?? {};
    if (def?.type === 'record') records.push(place);
    for (const [key, inner] of Object.entries(def ?? value)) look(inner, `${place}.${key}`);
  };
  for (const { operationId, body, query } of await allRoutes()) {
    look(body, operationId);
    look(query, operationId);
  }
  expect(seen.size).toBeGreaterThan(500);
  expect(records).toEqual([]);
});

describe.each(NAMES)('%s', (name) => {
  test('is kept among the properties of an event, and shown', async () => {
    const { body, text } = await api.request('GET', `/v1/events/${name}-1`);
    expect(Object.entries(body.event.properties)).toEqual([[name, 2]]);
    expect(text).toContain(`"properties":{"${name}":2}`);
    const { text: listed } = await api.request('POST', '/v1/events/query', { external_customer_id: customer });
    expect(listed).toContain(`"properties":{"${name}":5}`);
  });

  test('is measured, counted and grouped by', async () => {
    expect((await usage({ aggregation_type: 'SUM', property_name: name })).value).toBe(7);
    expect((await usage({ aggregation_type: 'COUNT_UNIQUE', property_name: name })).value).toBe(2);
    const grouped = await usage({ aggregation_type: 'MAX', property_name: name, group_by: [name] });
    expect(grouped.results.map(({ value }: { value: number }) => value).sort()).toEqual([2, 5]);
  });

  test('filters usage, lists and analytics', async () => {
    const filters = properties(name, ['5']);
    const nothing = properties(name, ['y']);
    expect((await usage({ aggregation_type: 'COUNT', filters })).value).toBe(1);
    expect((await usage({ aggregation_type: 'COUNT', filters: nothing })).value ?? 0).toBe(0);
    const listed = async (property_filters: unknown) =>
      (await api.request('POST', '/v1/events/query', { external_customer_id: customer, property_filters })).body.events;
    expect(await listed(filters)).toMatchObject([{ id: `${name}-2` }]);
    expect(await listed(nothing)).toEqual([]);
    const got = await api.request('GET', `/v1/events?external_customer_id=${customer}&property_filters=${name}:5`);
    expect(got.body.events).toMatchObject([{ id: `${name}-2` }]);
    expect(await usage({ aggregation_type: 'COUNT', filters: properties(name, 'no list') })).toMatchObject({
      code: 'validation_error',
      details: { field: `filters.${name}` },
    });
  });

  test('is what a meter measures, filters by and computes with', async () => {
    const meter = async (definition: object): Promise<string> =>
      (await api.made('/v1/meters', { name: 'M', event_name: 'call', reset_usage: 'BILLING_PERIOD', ...definition })).id;
    const value = async (meter_id: string, more: object = {}): Promise<unknown> =>
      (await api.request('POST', '/v1/events/usage/meter', { meter_id, external_customer_id: customer, ...MARCH, ...more })).body.value ??
      0;
    const plain = await meter({ aggregation: { type: 'SUM', field: name } });
    expect(await value(plain)).toBe(7);
    expect(await value(plain, { filters: properties(name, ['2']) })).toBe(2);
    expect(await value(plain, { filters: properties(name, ['y']) })).toBe(0);
    expect(await value(await meter({ aggregation: { type: 'COUNT' }, filters: [{ key: name, values: ['2', '5'] }] }))).toBe(2);
    // Two of the names are words that CEL keeps for itself: refused by name.
    const computed = {
      name: 'M',
      event_name: 'call',
      reset_usage: 'BILLING_PERIOD',
      aggregation: { type: 'SUM', expression: `${name} * 10` },
    };
    const made = await api.request('POST', '/v1/meters', computed);
    if (['__proto__', 'prototype'].includes(name))
      expect([made.status, made.body.details.reason]).toEqual([400, expect.stringContaining(name)]);
    else expect(await value(made.body.id)).toBe(70);
    const found = (await api.request('GET', `/v1/events/${name}-2`)).body;
    expect(found.processed_events).toContainEqual(expect.objectContaining({ meter_id: plain, qty_total: '5' }));
  });

  test('groups and filters analytics', async () => {
    const meter = await api.made('/v1/features', {
      name: `F ${name}`,
      type: 'metered',
      meter: { name: 'F', event_name: 'call', reset_usage: 'BILLING_PERIOD', aggregation: { type: 'SUM', field: name } },
    });
    const asked = { external_customer_id: customer, feature_ids: [meter.id], ...MARCH };
    const analytics = async (more: object): Promise<Answer> => api.request('POST', '/v1/events/analytics', { ...asked, ...more });
    const grouped = await analytics({ group_by: [`properties.${name}`] });
    expect(grouped.text).toContain(`"properties":{"${name}":"5"}`);
    expect(grouped.body.items.map((item: { total_usage: string }) => item.total_usage).sort()).toEqual(['2', '5']);
    const filtered = await analytics({ property_filters: properties(name, ['5']) });
    expect(filtered.body.items.map((item: { total_usage: string }) => item.total_usage)).toEqual(['5']);
    expect((await analytics({ property_filters: properties(name, ['y']) })).body.items).toEqual([]);
  });

  test('is kept in metadata', async () => {
    const { text, status } = await api.request('POST', '/v1/customers', {
      external_id: `with ${name}`,
      name: 'n',
      metadata: properties(name, 'a'),
    });
    expect([status, text]).toEqual([201, expect.stringContaining(`"metadata":{"${name}":"a"}`)]);
  });
});
