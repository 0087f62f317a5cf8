import { DateTime } from 'luxon';
import { vi } from 'vitest';
import { runBillingCycle } from '#invoicing/jobs/billing-cycle.ts';
import { runBillingSweep } from '#invoicing/jobs/billing-sweep.ts';
import { fixedClock } from '#kernel/clock.ts';
import { decimal } from '#kernel/decimal.ts';
import type { UsageRange } from '#metering/domain/usage.ts';
import { type Answer, startTestApi, type TestApi } from './api.ts';
import { manyEvents, type UsedEvent, usageOf } from './event-list.ts';

export interface BillingApi extends TestApi {
  readonly clock: ReturnType<typeof fixedClock>;
  /** All events that there are, in place of a store. */
  events: readonly UsedEvent[];
  /** What happens to a question about usage instead of an answer; null: nothing. */
  usageFailure: (range: UsageRange) => Error | null;
  /** Makes something and answers its body; fails when it was refused. */
  made(method: string, path: string, body?: unknown): Promise<Answer['body']>;
  /** One run of the sweep with all that it starts. Answers the ids of the jobs it started, each once. */
  sweep(): Promise<string[]>;
  invoicesOf(subscriptionId: string): Promise<Answer['body'][]>;
}

/** The API with a clock of its own and the events that the test says. */
export async function startBillingApi(now: DateTime, env: Readonly<Record<string, string>> = {}): Promise<BillingApi> {
  const clock = fixedClock(now);
  const api = await startTestApi({ clock, env: { FLEXPRICE_CLICKHOUSE_URL: 'http://127.0.0.1:1', ...env } });
  const billing: BillingApi = {
    ...api,
    clock,
    events: [],
    usageFailure: () => null,
    async made(method, path, body) {
      const answer = await api.request(method, path, body);
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
      return answer.body;
    },
    sweep: () => sweep(api),
    invoicesOf: async (subscriptionId) =>
      (
        await billing.made('POST', '/v1/invoices/search', {
          subscription_id: subscriptionId,
          expand: 'line_items.calculation',
          sort: [
            { field: 'period_start', direction: 'asc' },
            { field: 'created_at', direction: 'asc' },
          ],
        })
      ).items,
  };
  vi.spyOn(api.app.usage, 'meterUsages').mockImplementation(async (_ctx, requests) =>
    requests.map((request) => {
      const failure = billing.usageFailure(request.range);
      if (failure !== null) throw failure;
      return usageOf(billing.events, request, clock.now());
    }),
  );
  return billing;
}

/** What the schedule, the outbox and the job driver do together, in this process. */
export async function sweep({ app }: TestApi): Promise<string[]> {
  await runBillingSweep(app.billingActivities);
  const rows = await app.database.asSystem('test', (tx) =>
    tx.selectFrom('outbox').select(['id', 'payload']).where('eventName', '=', 'job.start').where('publishedAt', 'is', null).execute(),
  );
  // biome-ignore lint/suspicious/noExplicitAny: the input belongs to the job
  const jobs = new Map(rows.map(({ payload }) => [String(payload.workflow_id), payload as any]));
  for (const { job, input } of jobs.values()) {
    if (job === 'billing-cycle') await runBillingCycle(app.billingActivities, input);
    if (job === 'process-invoice') await app.billingActivities.processInvoice(input);
  }
  await app.database.asSystem('test', (tx) =>
    tx
      .deleteFrom('outbox')
      .where('id', 'in', [...rows.map(({ id }) => id), ''])
      .execute(),
  );
  return [...jobs.keys()];
}

export interface LlmPlan {
  readonly planId: string;
  readonly customerId: string;
  readonly externalId: string;
  readonly priceIds: Readonly<Record<'fee' | 'input' | 'output' | 'requests', string>>;
}

let made = 0;
/** A customer and the plan "LLM API": 49.00 in advance, tokens at list price, requests with 5,000 included. */
export async function makeLlmPlan(api: Pick<BillingApi, 'made'>, { currency = 'USD', timezone = 'UTC' } = {}): Promise<LlmPlan> {
  made += 1;
  const externalId = `code-assist-${made}`;
  const customer = await api.made('POST', '/v1/customers', { external_id: externalId, name: 'Code assist', timezone });
  const plan = await api.made('POST', '/v1/plans', { name: 'LLM API' });
  const fee = { entity_type: 'PLAN', entity_id: plan.id, billing_model: 'FLAT_FEE', billing_period: 'MONTHLY', currency };
  const metered = async (eventName: string, type: string, amount: string) => {
    const feature = await api.made('POST', '/v1/features', {
      name: eventName,
      type: 'metered',
      meter: {
        name: eventName,
        event_name: eventName,
        aggregation: { type, field: type === 'SUM' ? 'value' : '' },
        reset_usage: 'BILLING_PERIOD',
      },
    });
    const price = await api.made('POST', '/v1/prices', {
      ...fee,
      type: 'USAGE',
      invoice_cadence: 'ARREAR',
      meter_id: feature.meter_id,
      amount,
      display_name: eventName,
    });
    return { featureId: feature.id as string, priceId: price.id as string };
  };
  const base = await api.made('POST', '/v1/prices', {
    ...fee,
    type: 'FIXED',
    invoice_cadence: 'ADVANCE',
    amount: '49.00',
    display_name: 'Platform fee',
  });
  const input = await metered('input_tokens', 'SUM', '0.000003');
  const output = await metered('output_tokens', 'SUM', '0.000015');
  const requests = await metered('requests', 'COUNT', '0.0004');
  await api.made('POST', '/v1/entitlements', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    feature_id: requests.featureId,
    feature_type: 'metered',
    usage_limit: 5000,
    usage_reset_period: 'MONTHLY',
    is_enabled: true,
  });
  return {
    planId: plan.id,
    customerId: customer.id,
    externalId,
    priceIds: { fee: base.id, input: input.priceId, output: output.priceId, requests: requests.priceId },
  };
}

/**
 * Usage of the code trace of November 2023, from `at` on within two and a half hours: 59.40 in the plan "LLM API". Somebody else uses
 * the same at the same time.
 */
export function codeAssist(externalId: string, at: string): UsedEvent[] {
  return [externalId, 'somebody-else'].flatMap((customer) => [
    { name: 'input_tokens', customer, at, properties: { value: 18_059_974 } },
    { name: 'output_tokens', customer, at, properties: { value: 245_896 } },
    ...manyEvents(8_819, { name: 'requests', customer, at }),
  ]);
}

export const amountsOf = (invoice: Answer['body']): Record<string, string> =>
  Object.fromEntries(
    invoice.line_items.map((line: { display_name: string; amount: string }) => [line.display_name, decimal(line.amount).toFixed(2)]),
  );

export const utc = (text: string): DateTime => DateTime.fromISO(text, { zone: 'utc' });
