import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../support/api.ts';
import { validEvent } from '../support/events.ts';
import { type MeteringApi, startMeteringApi } from '../support/metering-api.ts';

// What senders add to events and how they write them: blanks around names and numbers, and fields that nobody knows.

const MARCH = { start_time: '2026-03-01T00:00:00Z', end_time: '2026-04-01T00:00:00Z' };
let api: MeteringApi;
beforeAll(async () => {
  api = await startMeteringApi();
});
afterAll(() => api?.close());

const usage = async (body: object): Promise<Answer['body']> =>
  (await api.request('POST', '/v1/events/usage', { event_name: 'call', ...MARCH, ...body })).body;

describe('blanks', () => {
  test('around ids are not part of them, wherever an id is named', async () => {
    await api.store(' blank ', [
      { id: ' b1\t', at: '2026-03-02T00:00:00Z' },
      { id: 'b1', at: '2026-03-03T00:00:00Z' },
    ]);
    const event = (await api.request('GET', '/v1/events/b1')).body.event;
    expect(event).toMatchObject({ id: 'b1', external_customer_id: 'blank', timestamp: '2026-03-02T00:00:00Z' });
    expect((await api.request('GET', '/v1/events/%20b1')).body.event).toEqual(event);
    // One event, one copy of it.
    for (const external_customer_id of ['blank', ' blank '])
      expect((await usage({ external_customer_id, aggregation_type: 'COUNT' })).value).toBe(1);
    const listed = async (body: object) => (await api.request('POST', '/v1/events/query', body)).body.events;
    expect(await listed({ external_customer_id: ' blank' })).toEqual([event]);
    expect(await listed({ event_id: 'b1 ' })).toEqual([event]);
  });

  test('around the id of a customer are not part of it either', async () => {
    const customer = await api.made('/v1/customers', { external_id: ' spaced ', name: 'Spaced' });
    expect(customer.external_id).toBe('spaced');
    await api.store('spaced', [{ id: 'spaced-1', at: '2026-03-02T00:00:00Z' }]);
    expect((await api.request('GET', '/v1/events/spaced-1')).body.debug_tracker.customer_lookup).toMatchObject({
      customer: { id: customer.id },
    });
  });

  test('an id of blanks alone is none: the event gets one', async () => {
    const { body } = await api.request('POST', '/v1/events', validEvent({ event_id: '   ' }));
    expect(body.event_id).toMatch(/^event_/);
  });

  test('around a number are not part of it, as in every decimal of the API', async () => {
    const numbers = [' 7', '7 ', '\t7\r\n', '\v7\f', ' -1.5e1 ', '+2 '];
    await api.store(
      'numbers',
      [...numbers, '7\u00a0', '1,000', '', ' ', '1 2'].map((n, index) => ({
        id: `n${index}`,
        at: '2026-03-02T00:00:00Z',
        properties: { n, one: 1 },
      })),
    );
    const asked = { external_customer_id: 'numbers', property_name: 'n' };
    expect((await usage({ ...asked, aggregation_type: 'SUM' })).value).toBe(7 * 4 - 15 + 2);
    expect((await usage({ ...asked, aggregation_type: 'MAX' })).value).toBe(7);
    // Distinct texts stay distinct, and filters compare texts.
    expect((await usage({ ...asked, aggregation_type: 'COUNT_UNIQUE' })).value).toBe(11);
    expect((await usage({ ...asked, aggregation_type: 'COUNT', filters: { n: ['7'] } })).value ?? 0).toBe(0);
    const meter = await api.made('/v1/meters', {
      name: 'Numbers',
      event_name: 'call',
      aggregation: { type: 'SUM', expression: 'n * one' },
      reset_usage: 'BILLING_PERIOD',
    });
    const measured = await api.request('POST', '/v1/events/usage/meter', { meter_id: meter.id, external_customer_id: 'numbers', ...MARCH });
    expect(measured.body.value).toBe(15);
    const traced = async (id: string) =>
      (await api.request('GET', `/v1/events/${id}`)).body.processed_events.map(({ qty_total }: { qty_total: string }) => qty_total);
    expect(await traced('n2')).toEqual(['7']);
    expect(await traced('n7')).toEqual([]);
    expect((await api.request('GET', '/v1/events/n7')).body.debug_tracker.attributed_to_customer.status).toBe('error');
  });
});

describe('fields that nobody knows', () => {
  const ignored = (answer: Answer): string | undefined => answer.headers['X-Ignored-Fields'];

  test('are taken, named in the answer, and in the look-up of their event', async () => {
    const answer = await api.request('POST', '/v1/events', validEvent({ event_id: 'i1', idempotency_key: 'k', 'tenant id': 1, ключ: {} }));
    expect([answer.status, ignored(answer)]).toEqual([202, 'idempotency_key,tenant%20id,%D0%BA%D0%BB%D1%8E%D1%87']);
    expect(answer.body).toEqual({ message: 'Event accepted for processing', event_id: 'i1' });
    await api.store('c1', [{ id: 'i2', at: '2026-03-02T00:00:00Z' }]);
    expect((await api.request('GET', '/v1/events/i1')).body.ignored_fields).toEqual(['idempotency_key', 'tenant id', 'ключ']);
    expect((await api.request('GET', '/v1/events/i2')).body.ignored_fields).toBeUndefined();
  });

  test('of a batch are named once, beside those of the batch itself', async () => {
    const events = [validEvent({ event_id: 'i3', a: 1, b: 2 }), validEvent({ event_id: 'i4', b: 1 }), validEvent({ event_id: 'i5' })];
    const answer = await api.request('POST', '/v1/events/bulk', { events, dry_run: true });
    expect([answer.status, ignored(answer), answer.body.accepted]).toEqual([202, 'dry_run,a,b', '3']);
    await api.store('c1', [{ id: 'i6', at: '2026-03-02T00:00:00Z' }]);
    expect((await api.request('GET', '/v1/events/i4')).body.ignored_fields).toEqual(['b']);
    const raw = { id: 'i7', orgId: 'o', methodName: 'm', providerName: 'p', createdAt: '2026-03-02T00:00:00Z', anything: 1 };
    expect(ignored(await api.request('POST', '/v1/events/raw/bulk', { events: [raw], dry_run: true }))).toBe('dry_run');
  });

  test('called like parts of every object are named, too', async () => {
    const body = JSON.stringify(validEvent()).replace('{', '{"__proto__":{"event_name":"x"},"constructor":1,');
    const answer = await api.request('POST', '/v1/events', body);
    expect([answer.status, ignored(answer)]).toEqual([202, '__proto__,constructor']);
  });

  test('of which there are very many make no header that is too long', async () => {
    const many = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`key-${index}`, 1]));
    const answer = await api.request('POST', '/v1/events', validEvent(many));
    expect(answer.status).toBe(202);
    expect(ignored(answer)?.length).toBeLessThan(4200);
    expect(ignored(answer)).toMatch(/^key-0,key-1,.*,\.\.\.$/);
  });

  test('are not named where all are known', async () => {
    expect(ignored(await api.request('POST', '/v1/events', validEvent()))).toBeUndefined();
  });
});
