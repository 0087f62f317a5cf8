import type { ApiClient } from './client.ts';
import { TRACE_CUSTOMERS, TRACE_EVENT, TRACE_PERIOD } from './trace.ts';

const PLAN = 'llm-api';
const INCLUDED_REQUESTS = 5_000;

/** What the plan sells: each is a feature with its meter, and a price. */
const METERED = [
  {
    key: 'llm-input-tokens',
    name: 'Input tokens',
    unit: 'token',
    amount: '0.000003',
    aggregation: { type: 'SUM', field: 'context_tokens' },
  },
  {
    key: 'llm-output-tokens',
    name: 'Output tokens',
    unit: 'token',
    amount: '0.000015',
    aggregation: { type: 'SUM', field: 'generated_tokens' },
  },
  { key: 'llm-requests', name: 'Requests', unit: 'request', amount: '0.0004', aggregation: { type: 'COUNT' } },
] as const;

export interface DemoCatalog {
  readonly planId: string;
  readonly customerIds: Readonly<Record<string, string>>;
}

/**
 * The plan "LLM API": 49.00 a month in advance, tokens and requests by use, 5,000 requests included. Customers with it.
 * What an interrupted run has made already is used as it is.
 */
export async function prepareCatalog(api: ApiClient): Promise<DemoCatalog> {
  const features: Record<string, { id: string; meter_id: string }> = {};
  for (const item of METERED) {
    const found = await api.call('POST', '/features/search', { lookup_keys: [item.key], limit: 1 });
    const feature =
      found.items[0] ??
      (await api.call('POST', '/features', {
        name: item.name,
        lookup_key: item.key,
        type: 'metered',
        unit_singular: item.unit,
        unit_plural: `${item.unit}s`,
        meter: { name: item.name, event_name: TRACE_EVENT, aggregation: item.aggregation, reset_usage: 'BILLING_PERIOD' },
      }));
    features[item.key] = { id: feature.id, meter_id: feature.meter_id ?? feature.meter.id };
  }

  const plans = await api.call('POST', '/plans/search', { lookup_key: PLAN, limit: 1 });
  const plan =
    plans.items[0] ??
    (await api.call('POST', '/plans', { name: 'LLM API', lookup_key: PLAN, description: 'A monthly fee, tokens and requests by use' }));

  const common = {
    entity_type: 'PLAN',
    entity_id: plan.id,
    billing_model: 'FLAT_FEE',
    billing_cadence: 'RECURRING',
    billing_period: 'MONTHLY',
    billing_period_count: 1,
    price_unit_type: 'FIAT',
    currency: 'usd',
  };
  const priceOnce = async (lookup_key: string, terms: object) => {
    if (!(await api.find(`/prices/lookup/${lookup_key}`))) await api.call('POST', '/prices', { ...common, ...terms, lookup_key });
  };
  await priceOnce('llm-fee', { type: 'FIXED', invoice_cadence: 'ADVANCE', amount: '49.00', display_name: 'Platform fee' });
  for (const item of METERED) {
    await priceOnce(`${item.key}-price`, {
      type: 'USAGE',
      invoice_cadence: 'ARREAR',
      amount: item.amount,
      meter_id: features[item.key]?.meter_id,
      display_name: item.name,
    });
  }

  const requests = features['llm-requests']?.id;
  const entitled = await api.call('POST', '/entitlements/search', { entity_type: 'PLAN', entity_ids: [plan.id], feature_ids: [requests] });
  if (entitled.items.length === 0) {
    await api.call('POST', '/entitlements', {
      entity_type: 'PLAN',
      entity_id: plan.id,
      feature_id: requests,
      feature_type: 'metered',
      usage_limit: INCLUDED_REQUESTS,
      usage_reset_period: 'MONTHLY',
      is_soft_limit: true,
      is_enabled: true,
    });
  }

  const customerIds: Record<string, string> = {};
  for (const { externalId, name } of TRACE_CUSTOMERS) {
    const customer =
      (await api.find(`/customers/external/${externalId}`)) ?? (await api.call('POST', '/customers', { external_id: externalId, name }));
    customerIds[externalId] = customer.id;
  }
  return { planId: plan.id, customerIds };
}

/** November 2023 for each customer. The period has long ended, so the next sweep issues both invoices. */
export async function subscribe(api: ApiClient, { planId, customerIds }: DemoCatalog): Promise<void> {
  for (const customerId of Object.values(customerIds)) {
    const existing = await api.call('POST', '/subscriptions/search', {
      customer_id: customerId,
      plan_id: planId,
      subscription_status: ['active', 'cancelled'],
      limit: 1,
    });
    if (existing.items.length > 0) continue;
    await api.call('POST', '/subscriptions', {
      customer_id: customerId,
      plan_id: planId,
      currency: 'usd',
      billing_cadence: 'RECURRING',
      billing_period: 'MONTHLY',
      billing_period_count: 1,
      billing_cycle: 'calendar',
      start_date: TRACE_PERIOD.start,
      end_date: TRACE_PERIOD.end,
    });
  }
}
