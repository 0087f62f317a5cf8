import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LimitsApi, startLimitsApi } from '../support/limits.ts';
import { utc } from '../support/metering.ts';

// What was used before an entitlement was changed or deleted keeps what was allowed then; limit check, summary, preview and invoice agree.
let api: LimitsApi;
beforeAll(async () => {
  api = await startLimitsApi('2026-03-01T00:00:00Z');
});
afterAll(() => api.close());

type Reset = 'MONTHLY' | 'DAILY' | 'WEEKLY' | 'NEVER';
interface Terms {
  readonly limit: number;
  readonly reset: Reset;
  readonly enabled: boolean;
}
/** Hours since March 1 pass, then something happens. */
type Step = { readonly hours: number } & ({ readonly use: number } | { readonly terms: Terms } | { readonly deleted: true });

/** Oracle: unit after unit in the order of time; each is free while its window, by the terms of its moment, has not used up the limit. */
class Ledger {
  readonly used: number[] = [];
  billed = 0;
  terms: Terms | null;
  constructor(terms: Terms) {
    this.terms = terms;
  }
  usedIn(hour: number): number {
    const dayOfMarch = Math.floor(hour / 24);
    // March 1, 2026 is a Sunday, so that its first week has one day.
    const starts = {
      MONTHLY: 0,
      NEVER: 0,
      DAILY: dayOfMarch * 24,
      WEEKLY: dayOfMarch < 1 ? 0 : (Math.floor((dayOfMarch - 1) / 7) * 7 + 1) * 24,
    };
    const start = starts[this.terms?.reset ?? 'MONTHLY'];
    return this.used.filter((at) => at >= start).length;
  }
  isFree(hour: number): boolean {
    return this.terms !== null && this.terms.enabled && this.usedIn(hour) < this.terms.limit;
  }
  use(hour: number): void {
    if (!this.isFree(hour)) this.billed += 1;
    this.used.push(hour);
  }
}

let count = 0;
/** Lives March 2026 by the steps and answers what is billed for it. Fails where one of the answers on the way is not the oracle's. */
async function live(first: Terms, steps: readonly Step[]): Promise<number> {
  count += 1;
  const name = `used_${count}`;
  api.clock.set(utc('2026-03-01T00:00:00Z'));
  const featureId = await api.feature(name);
  const planId = await api.plan({});
  const give = async ({ limit, reset, enabled }: Terms): Promise<string> =>
    (
      await api.made('/v1/entitlements', {
        entity_type: 'PLAN',
        entity_id: planId,
        feature_id: featureId,
        feature_type: 'metered',
        is_enabled: enabled,
        usage_limit: limit,
        usage_reset_period: reset,
      })
    ).id;
  let right: string | null = await give(first);
  const { meter_id } = await api.got(`/v1/features/${featureId}`);
  await api.made('/v1/prices', {
    entity_type: 'PLAN',
    entity_id: planId,
    type: 'USAGE',
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    invoice_cadence: 'ARREAR',
    currency: 'usd',
    meter_id,
    amount: '1',
  });
  const { id: customerId, externalId } = await api.customer();
  const subscriptionId = await api.subscribe(customerId, planId, { start_date: '2026-03-01T00:00:00Z' });

  const ledger = new Ledger(first);
  const billedOf = (invoice: { line_items: { meter_id?: string; quantity: string }[] }) =>
    Number(invoice.line_items.find((line) => line.meter_id === meter_id)?.quantity);
  let hour = 0;
  let event = 0;
  for (const step of steps) {
    hour += step.hours;
    const now = utc('2026-03-01T00:00:00Z').plus({ hours: hour });
    api.clock.set(now);
    if ('use' in step) {
      for (let unit = 0; unit < step.use; unit += 1) ledger.use(hour);
      const at = now.toISO() as string;
      await api.store(Array.from({ length: step.use }, () => ({ id: `${name}_${++event}`, customer: externalId, name, at })));
      await api.app.counters.refreshTouched(api.ctx, [{ externalCustomerId: externalId, eventNames: [name] }]);
    } else if ('deleted' in step) {
      if (right !== null) expect((await api.request('DELETE', `/v1/entitlements/${right}`)).status).toBeLessThan(300);
      right = null;
      ledger.terms = null;
    } else {
      const { limit, reset, enabled } = step.terms;
      ledger.terms = step.terms;
      if (right === null) {
        right = await give(step.terms);
        continue;
      }
      const changed = await api.request('PUT', `/v1/entitlements/${right}`, {
        usage_limit: limit,
        usage_reset_period: reset,
        is_enabled: enabled,
      });
      expect([changed.status, changed.status < 300 ? '' : changed.text]).toEqual([200, '']);
    }
    const preview = await api.made('/v1/invoices/preview', { subscription_id: subscriptionId });
    expect(billedOf(preview)).toBe(ledger.billed);
    const check = await api.got(`/v1/customers/${customerId}/entitlements/check?feature=${name}&quantity=1`);
    expect([hour, check.allowed]).toEqual([hour, ledger.isFree(hour)]);
    const { features } = await api.got(`/v1/customers/usage?customer_id=${customerId}`);
    const shown = features.map(({ current_usage: used }: { current_usage: string }) => Number(used));
    if (right === null) expect(shown).toEqual([]);
    else if (ledger.terms?.enabled) expect(shown).toEqual([ledger.usedIn(hour)]);
  }

  // Computed long after, when the entitlement is gone, and its feature with it.
  api.clock.set(utc('2026-04-10T00:00:00Z'));
  for (const gone of [...(right === null ? [] : [`/v1/entitlements/${right}`]), `/v1/features/${featureId}`])
    expect((await api.request('DELETE', gone)).status).toBeLessThan(300);
  const closed = await api.app.subscriptions.closePeriod(api.ctx, subscriptionId, null);
  const invoiceId = closed?.invoiceId as string;
  await api.app.invoices.compute(api.ctx, invoiceId);
  expect(billedOf(await api.got(`/v1/invoices/${invoiceId}`))).toBe(ledger.billed);
  return ledger.billed;
}

const terms = (limit: number, reset: Reset = 'MONTHLY', enabled = true): Terms => ({ limit, reset, enabled });

test.each<[string, Terms, Step[], number]>([
  [
    'a limit that was lowered',
    terms(10),
    [
      { hours: 99, use: 8 },
      { hours: 99, terms: terms(5) },
      { hours: 99, use: 4 },
    ],
    4,
  ],
  [
    'a limit that was raised',
    terms(5),
    [
      { hours: 99, use: 8 },
      { hours: 99, terms: terms(10) },
      { hours: 99, use: 4 },
    ],
    5,
  ],
  [
    'one that was deleted',
    terms(10),
    [
      { hours: 99, use: 8 },
      { hours: 99, deleted: true },
      { hours: 99, use: 4 },
    ],
    4,
  ],
  [
    'one that was switched off',
    terms(10),
    [
      { hours: 99, use: 8 },
      { hours: 99, terms: terms(10, 'MONTHLY', false) },
      { hours: 99, use: 4 },
    ],
    4,
  ],
  [
    'days that became a month',
    terms(3, 'DAILY'),
    [
      { hours: 1, use: 5 },
      { hours: 24, use: 5 },
      { hours: 24, terms: terms(12) },
      { hours: 24, use: 4 },
    ],
    6,
  ],
  [
    'one that was deleted and made anew',
    terms(10),
    [
      { hours: 99, use: 8 },
      { hours: 99, deleted: true },
      { hours: 9, use: 1 },
      { hours: 99, terms: terms(11) },
      { hours: 99, use: 4 },
    ],
    3,
  ],
  ['one that was deleted when all was over', terms(10), [{ hours: 99, use: 12 }], 2],
])('%s leaves what was used before as it was', async (_, first, steps, billed) => {
  expect(await live(first, steps)).toBe(billed);
});

test('whatever is changed when, each unit is billed by the terms of its moment', { timeout: 120_000 }, async () => {
  const someTerms = fc.record({
    limit: fc.integer({ min: 0, max: 12 }),
    reset: fc.constantFrom<Reset>('MONTHLY', 'DAILY', 'WEEKLY', 'NEVER'),
    enabled: fc.integer({ min: 0, max: 3 }).map((die) => die > 0),
  });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ hours: fc.integer({ min: 1, max: 80 }), use: fc.integer({ min: 1, max: 6 }) }) },
    { weight: 3, arbitrary: fc.record({ hours: fc.integer({ min: 1, max: 80 }), terms: someTerms }) },
    { weight: 1, arbitrary: fc.record({ hours: fc.integer({ min: 1, max: 80 }), deleted: fc.constant<true>(true) }) },
  );
  await fc.assert(
    fc.asyncProperty(someTerms, fc.array(step, { minLength: 3, maxLength: 8 }), async (first, steps) => {
      await live(first, steps);
    }),
    { numRuns: 12, endOnFailure: true },
  );
});
