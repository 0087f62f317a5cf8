import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type MeteringApi, startMeteringApi } from '../support/metering-api.ts';

let api: MeteringApi;
beforeAll(async () => {
  api = await startMeteringApi(DateTime.utc(2026, 3, 4));
});
afterAll(() => api.close());

const day = (date: number): string => `2026-03-${String(date).padStart(2, '0')}T10:00:00Z`;
const tokens = {
  name: 'Tokens',
  event_name: 'call',
  aggregation: { type: 'SUM', expression: 'tokens * 2' },
  filters: [{ key: 'model', values: ['a'] }],
  reset_usage: 'BILLING_PERIOD',
};
const addFilter = async (meterId: string, key: string, ...values: string[]) =>
  (await api.request('PUT', `/v1/meters/${meterId}`, { filters: [{ key, values }] })).body;
const march = async (meterId: string, customer: string): Promise<unknown> =>
  (
    await api.made('/v1/events/usage/meter', {
      meter_id: meterId,
      external_customer_id: customer,
      start_time: '2026-03-01T00:00:00Z',
      end_time: '2026-04-01T00:00:00Z',
    })
  ).value;

test('every change of what is measured keeps the former definition, and counts earlier events anew', async () => {
  await api.store('history', [
    { id: 'h1', at: day(1), properties: { tokens: 5, model: 'a' } },
    { id: 'h2', at: day(2), properties: { tokens: 7, model: 'b' } },
  ]);
  const meter = await api.made('/v1/meters', tokens);
  expect(await march(meter.id, 'history')).toBe(10);
  expect(await api.app.meters.formerVersions(api.ctx, meter.id)).toEqual([]);

  const changed = await addFilter(meter.id, 'model', 'b');
  expect(await march(meter.id, 'history')).toBe(24);
  api.clock.set(DateTime.utc(2026, 3, 5));
  await addFilter(meter.id, 'region', 'eu');
  expect(await march(meter.id, 'history')).toBe(0);
  await api.request('POST', `/v1/meters/${meter.id}/disable`);

  const kept = await api.app.meters.formerVersions(api.ctx, meter.id);
  const both = { key: 'model', values: ['a', 'b'] };
  expect(kept.map(({ version, filters, disabledAt }) => [version, filters, disabledAt])).toEqual([
    [1, tokens.filters, null],
    [2, [both], null],
    [3, [both, { key: 'region', values: ['eu'] }], null],
  ]);
  expect(kept[0]).toMatchObject({
    meterId: meter.id,
    eventName: 'call',
    aggregation: { type: 'SUM', expression: 'tokens * 2' },
    resetUsage: 'BILLING_PERIOD',
    replacedBy: changed.updated_by,
  });
  expect(kept[0]?.replacedAt.toISO()).toBe('2026-03-04T00:00:00.000Z');
  expect((await api.app.meters.get(api.ctx, meter.id)).version).toBe(4);
});

test('adding what is there already is no new version', async () => {
  const meter = await api.made('/v1/meters', tokens);
  expect((await addFilter(meter.id, 'model', 'a')).filters).toEqual(tokens.filters);
  expect([(await api.app.meters.get(api.ctx, meter.id)).version, await api.app.meters.formerVersions(api.ctx, meter.id)]).toEqual([1, []]);
});

test('former versions belong to their tenant', async () => {
  const meter = await api.made('/v1/meters', tokens);
  await addFilter(meter.id, 'model', 'c');
  const other = await api.tenant('Other');
  await expect(api.app.meters.formerVersions(other.ctx, meter.id)).rejects.toMatchObject({ code: 'not_found' });
  await expect(api.app.database.withTenant(other.ctx, (tx) => tx.selectFrom('meterVersions').selectAll().execute())).resolves.toEqual([]);
  await expect(api.app.database.withTenant(api.ctx, (tx) => tx.deleteFrom('meterVersions').execute())).rejects.toThrow(/permission denied/);
});

test('a finalized invoice keeps its number and the version that it was made from', async () => {
  const feature = await api.made('/v1/features', { name: 'Tokens', type: 'metered', meter: { ...tokens, filters: [] } });
  const plan = await api.made('/v1/plans', { name: 'Tokens' });
  await api.made('/v1/prices', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    type: 'USAGE',
    invoice_cadence: 'ARREAR',
    meter_id: feature.meter_id,
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    currency: 'usd',
    amount: '0.5',
  });
  const customer = await api.made('/v1/customers', { external_id: 'billed', name: 'Billed' });
  await api.store('billed', [
    { id: 'b1', at: day(2), properties: { tokens: 10, model: 'a' } },
    { id: 'b2', at: day(3), properties: { tokens: 4, model: 'b' } },
  ]);
  const subscription = await api.made('/v1/subscriptions', {
    customer_id: customer.id,
    plan_id: plan.id,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'calendar',
    start_date: '2026-03-01T00:00:00Z',
  });
  const preview = async () => (await api.made('/v1/invoices/preview', { subscription_id: subscription.id })).line_items[0];
  const versionOf = (line: { calculation: { usage: { meter: { version: number; filters: unknown } } } }) =>
    line.calculation.usage.meter.version;
  expect([(await preview()).quantity, versionOf(await preview())]).toEqual(['28', 1]);

  api.clock.set(DateTime.utc(2026, 4, 1, 1));
  const scope = { tenantId: api.ctx.tenantId, environmentId: api.ctx.environmentId, subscriptionId: subscription.id };
  const closed = await api.app.billingActivities.closePeriod(scope);
  await api.app.billingActivities.processInvoice({ ...scope, invoiceId: closed?.invoiceId ?? '' });
  const invoice = async () => (await api.request('GET', `/v1/invoices/${closed?.invoiceId}`)).body;
  const before = await invoice();
  expect(before).toMatchObject({ invoice_status: 'FINALIZED', total: '14' });
  expect(before.line_items[0].calculation.usage.meter).toMatchObject({
    version: 1,
    filters: [],
    aggregation: { type: 'SUM', expression: 'tokens * 2' },
  });

  await addFilter(feature.meter_id, 'model', 'a');
  expect(await march(feature.meter_id, 'billed')).toBe(20);
  await api.app.billingActivities.processInvoice({ ...scope, invoiceId: closed?.invoiceId ?? '' });
  expect(await invoice()).toEqual(before);
  await api.store('billed', [
    { id: 'b3', at: '2026-04-01T00:30:00Z', properties: { tokens: 3, model: 'a' } },
    { id: 'b4', at: '2026-04-01T00:30:00Z', properties: { tokens: 9, model: 'b' } },
  ]);
  expect([(await preview()).quantity, versionOf(await preview())]).toEqual(['6', 2]);
});
