import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type LimitsApi, startLimitsApi } from '../support/limits.ts';
import { utc } from '../support/metering.ts';

// What analytics say that an invoice of a range would charge, against what invoices and the usage of subscriptions say of the same range.
let api: LimitsApi;
beforeAll(async () => {
  api = await startLimitsApi('2026-04-20T00:00:00Z');
});
afterAll(() => api.close());

let count = 0;
/** A customer with some included of 2 a unit, and another price without anything included; events on these days of March and April. */
async function customerWith({ limit, reset, days }: { limit: number; reset: string; days: readonly string[] }) {
  count += 1;
  const [included, plain] = [`included_${count}`, `plain_${count}`];
  const features = [await api.feature(included), await api.feature(plain)] as const;
  const planId = await api.plan({ [features[0]]: { limit, reset } });
  for (const feature of features)
    await api.made('/v1/prices', {
      entity_type: 'PLAN',
      entity_id: planId,
      type: 'USAGE',
      billing_model: 'FLAT_FEE',
      billing_period: 'MONTHLY',
      invoice_cadence: 'ARREAR',
      currency: 'usd',
      meter_id: (await api.got(`/v1/features/${feature}`)).meter_id,
      amount: '2',
    });
  const { id: customerId, externalId } = await api.customer();
  const subscriptionId = await api.subscribe(customerId, planId, { start_date: '2026-03-01T00:00:00Z' });
  await api.store(
    days.flatMap((at, index) => [included, plain].map((name) => ({ id: `${name}_${index}`, customer: externalId, name, at }))),
  );
  return { externalId, subscriptionId, features, planId };
}

const range = (start: string, end: string) => ({ start_time: `${start}T00:00:00Z`, end_time: `${end}T00:00:00Z` });
const analytics = (externalId: string, asked: object) => api.made('/v1/events/analytics', { external_customer_id: externalId, ...asked });
const usage = (subscriptionId: string, asked: object) => api.made('/v1/subscriptions/usage', { subscription_id: subscriptionId, ...asked });

test('a customer with 5 of 8 units included is shown the 6 that it pays for them beside the 16 that they cost', async () => {
  const days = Array.from({ length: 8 }, (_, day) => `2026-03-0${day + 1}T12:00:00Z`);
  const { externalId, subscriptionId, features } = await customerWith({ limit: 5, reset: 'MONTHLY', days });
  const shown = await analytics(externalId, range('2026-03-01', '2026-04-01'));
  expect([shown.total_cost, shown.billable_cost]).toEqual(['32', '22']);
  const item = (featureId: string) => shown.items.find((each: { feature_id: string }) => each.feature_id === featureId);
  expect([item(features[0]).total_cost, item(features[0]).billable_cost]).toEqual(['16', '6']);
  expect([item(features[1]).total_cost, item(features[1]).billable_cost]).toEqual(['16', '16']);
  const preview = await api.made('/v1/invoices/preview', {
    subscription_id: subscriptionId,
    period_start: '2026-03-01T00:00:00Z',
    period_end: '2026-04-01T00:00:00Z',
  });
  const usageLines = preview.line_items.filter((line: { price_type: string }) => line.price_type === 'USAGE');
  expect(usageLines.reduce((total: number, line: { amount: string }) => total + Number(line.amount), 0)).toBe(22);
});

test('parts of the usage have no allowance of their own: groups and filters say what they cost and nothing else', async () => {
  const { externalId } = await customerWith({ limit: 1, reset: 'MONTHLY', days: ['2026-03-02T00:00:00Z', '2026-03-03T00:00:00Z'] });
  for (const more of [{ group_by: ['source'] }, { property_filters: { model: ['a'] } }, { sources: ['api'] }]) {
    const shown = await analytics(externalId, { ...range('2026-03-01', '2026-04-01'), ...more });
    expect(JSON.stringify(shown)).not.toContain('billable_cost');
  }
});

test('of any range it is what the usage of the subscription says, whose allowance began before or not', { timeout: 120_000 }, async () => {
  const day = fc.integer({ min: 0, max: 45 }).map((offset) => utc('2026-03-01T06:00:00Z').plus({ days: offset }).toISO() as string);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 8 }),
      fc.constantFrom('DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'NEVER'),
      fc.array(day, { minLength: 1, maxLength: 15 }),
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 1, max: 20 }),
      async (limit, reset, days, from, length) => {
        const { externalId, subscriptionId } = await customerWith({ limit, reset, days });
        const start = utc('2026-03-01T00:00:00Z').plus({ days: from });
        const asked = range(start.toISODate() as string, start.plus({ days: length }).toISODate() as string);
        const { billable_cost: billable } = await analytics(externalId, asked);
        expect(Number(billable)).toBe((await usage(subscriptionId, asked)).amount);
      },
    ),
    { numRuns: 12, endOnFailure: true },
  );
});

test('revenue and margin are of what is billed, of one customer and of all, and read however many customers in one go', async () => {
  const tenant = await api.made('/v1/costs', { name: 'costs', lookup_key: 'costs' });
  expect(tenant.costsheet.id).toEqual(expect.any(String));
  const asked = range('2026-03-01', '2026-04-20');
  const everybody = await api.made('/v1/costs/analytics', asked);
  const before = vi.spyOn(api.app.clickhouse, 'query');
  await api.made('/v1/costs/analytics', asked);
  const statements = before.mock.calls.length;
  const { externalId } = await customerWith({
    limit: 3,
    reset: 'MONTHLY',
    days: ['2026-03-02T00:00:00Z', '2026-03-03T00:00:00Z', '2026-03-04T00:00:00Z', '2026-03-05T00:00:00Z'],
  });
  const one = await api.made('/v1/costs/analytics', { ...asked, external_customer_id: externalId });
  expect(one.total_revenue).toBe('10');
  const { billable_cost: billable } = await analytics(externalId, asked);
  expect(billable).toBe('10');
  before.mockClear();
  const all = await api.made('/v1/costs/analytics', asked);
  expect(Number(all.total_revenue)).toBe(Number(everybody.total_revenue) + 10);
  expect(before.mock.calls.length).toBeLessThanOrEqual(statements + 1);
  before.mockRestore();
});
