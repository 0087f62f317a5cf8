import { expect } from 'vitest';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import type { Answer, TestApi, TestTenant } from './api.ts';
import { loggedEvent } from './metering.ts';

export type Send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

/** A token for the tenant's customer. */
export async function sessionFor(tenant: Pick<TestTenant, 'request'>, externalId: string): Promise<string> {
  const answer = await tenant.request('GET', `/v1/customers/portal/${encodeURIComponent(externalId)}`);
  expect([externalId, answer.status, answer.status === 200 ? '' : answer.text]).toEqual([externalId, 200, '']);
  return answer.body.token;
}

/** Sends what a browser of the portal sends: no key. */
export function withToken(api: Pick<TestApi, 'send'>, token: string): Send {
  return (method, path, body, headers = {}) =>
    api.send(method, `/v1/customer/portal${path}`, body, { 'x-session-token': token, ...headers });
}

export interface PortalCustomer {
  readonly id: string;
  readonly externalId: string;
  readonly planId: string;
  readonly featureId: string;
  readonly subscriptionId: string;
  readonly invoiceId: string;
  readonly lineId: string;
  readonly eventName: string;
}

/** A customer with a plan of its own, a metered right, a price per use, an issued invoice and `uses` events; everything of it has its name. */
export async function portalCustomer(api: TestApi, tenant: TestTenant, externalId: string, uses: number): Promise<PortalCustomer> {
  const made = async (path: string, body: object): Promise<Answer['body']> => {
    const answer = await tenant.request('POST', path, body);
    expect([path, answer.status < 300 ? '' : answer.text]).toEqual([path, '']);
    return answer.body;
  };
  const metadata = { note: `note-on-${externalId}` };
  const eventName = `calls-of-${externalId}`;
  const customer = await made('/v1/customers', {
    external_id: externalId,
    name: `Name ${externalId}`,
    email: `${externalId}@example.test`,
    metadata,
  });
  const feature = await made('/v1/features', {
    name: eventName,
    lookup_key: eventName,
    type: 'metered',
    metadata,
    meter: { name: eventName, event_name: eventName, aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' },
  });
  const plan = await made('/v1/plans', { name: `Plan of ${externalId}`, metadata });
  const price = {
    entity_type: 'PLAN',
    entity_id: plan.id,
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    currency: 'usd',
    metadata,
  };
  await made('/v1/prices', { ...price, type: 'FIXED', invoice_cadence: 'ADVANCE', amount: '10' });
  await made('/v1/prices', { ...price, type: 'USAGE', invoice_cadence: 'ARREAR', meter_id: feature.meter_id, amount: '0.25' });
  await made('/v1/entitlements', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    feature_id: feature.id,
    feature_type: 'metered',
    usage_limit: 8,
    is_enabled: true,
  });
  const subscription = await made('/v1/subscriptions', {
    customer_id: customer.id,
    plan_id: plan.id,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'anniversary',
    start_date: '2026-03-01T00:00:00Z',
    metadata,
  });
  const invoices = await made('/v1/invoices/search', { customer_id: customer.id });
  expect(invoices.items.map(({ invoice_status }: { invoice_status: string }) => invoice_status)).toEqual(['FINALIZED']);
  const events = Array.from({ length: uses }, (_, index) => ({
    id: `${externalId}-${index}`,
    customer: externalId,
    name: eventName,
    at: '2026-03-10T00:00:00Z',
    source: `source-of-${externalId}`,
  }));
  const { tenantId, environmentId } = tenant.ctx;
  await createEventStore(api.app.clickhouse).insert(
    events.map((sketch) => ({ ...loggedEvent(sketch), tenantId, environmentId })),
    `portal:${tenantId}:${externalId}`,
  );
  return {
    id: customer.id,
    externalId,
    planId: plan.id,
    featureId: feature.id,
    subscriptionId: subscription.id,
    invoiceId: invoices.items[0].id,
    lineId: invoices.items[0].line_items[0].id,
    eventName,
  };
}
