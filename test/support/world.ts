import { DateTime } from 'luxon';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import type { Route } from '#platform/http/route.ts';
import type { TestApi } from './api.ts';
import { deadLetter, ensureTopics } from './events.ts';

/** One of everything, and bodies that name it. */
export interface World {
  readonly customerId: string;
  readonly externalCustomerId: string;
  readonly featureId: string;
  /** Without a right to it. */
  readonly secondFeatureId: string;
  readonly meterId: string;
  readonly planId: string;
  readonly priceId: string;
  readonly priceLookupKey: string;
  readonly entitlementId: string;
  readonly subscriptionId: string;
  readonly childExternalId: string;
  readonly inheritedId: string;
  readonly invoiceId: string;
  readonly costsheetId: string;
  readonly secretId: string;
  readonly environmentId: string;
  readonly eventId: string;
  readonly eventName: string;
  readonly deadLetterId: string;
  readonly reprocessId: string;
  /** A body that would be accepted from the owner. */
  bodyFor(route: Route): unknown;
  /** Requests of which only the ids inside the body are foreign. */
  foreignBodies(): readonly (readonly [method: string, path: string, body: unknown])[];
  /** What no stranger's answer may hold. */
  secretsOfOwner(exceptTenantLevel: boolean): readonly string[];
}

export const price = (planId: string) => ({
  entity_type: 'PLAN',
  entity_id: planId,
  billing_model: 'FLAT_FEE',
  billing_period: 'MONTHLY',
  billing_period_count: 1,
  price_unit_type: 'FIAT',
  currency: 'usd',
  amount: '1',
});
export const subscription = (customerId: string, planId: string) => ({
  customer_id: customerId,
  plan_id: planId,
  currency: 'usd',
  billing_period: 'MONTHLY',
  billing_period_count: 1,
  billing_cycle: 'anniversary',
  start_date: '2026-10-20T00:00:00Z',
});

/** Fills the development environment of the test tenant with one of everything. */
export async function seedEverything(api: TestApi): Promise<World> {
  const make = async (path: string, body: object) => {
    const answer = await api.request('POST', path, body);
    if (answer.status >= 300) throw new Error(`POST ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  const externalCustomerId = 'owner-customer';
  const eventName = 'owner.call';
  const customer = await make('/v1/customers', { external_id: externalCustomerId, name: 'Owner customer' });
  const feature = await make('/v1/features', {
    name: 'Calls',
    type: 'metered',
    lookup_key: 'owner-calls',
    meter: { name: 'Calls', event_name: eventName, aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' },
  });
  const meterId: string = feature.meter_id ?? feature.meter.id;
  const second = await make('/v1/features', {
    name: 'Seats',
    type: 'metered',
    lookup_key: 'owner-seats',
    meter: { name: 'Seats', event_name: 'owner.seat', aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' },
  });
  const plan = await make('/v1/plans', { name: 'Owner plan', lookup_key: 'owner-plan' });
  const fee = await make('/v1/prices', {
    ...price(plan.id),
    type: 'FIXED',
    invoice_cadence: 'ADVANCE',
    amount: '10',
    lookup_key: 'owner-fee',
  });
  await make('/v1/prices', { ...price(plan.id), type: 'USAGE', invoice_cadence: 'ARREAR', meter_id: meterId });
  const entitlement = await make('/v1/entitlements', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    feature_id: feature.id,
    feature_type: 'metered',
    // Nothing is free, so that usage is worth something to whoever owns it.
    usage_limit: 0,
    usage_reset_period: 'MONTHLY',
    is_enabled: true,
  });
  const childExternalId = 'owner-child';
  await make('/v1/customers', { external_id: childExternalId, name: 'Owner child' });
  const subscribed = await make('/v1/subscriptions', {
    ...subscription(customer.id, plan.id),
    inheritance: { external_customer_ids_to_inherit_subscription: [childExternalId] },
  });
  const {
    items: [inherited],
  } = await make('/v1/subscriptions/search', { parent_subscription_ids: [subscribed.id] });
  const invoices = await make('/v1/invoices/search', { subscription_id: subscribed.id });
  const { costsheet } = await make('/v1/costs', { name: 'Owner costs', lookup_key: 'owner-costs' });
  const costPrice = { ...price(costsheet.id), entity_type: 'COSTSHEET', type: 'USAGE', invoice_cadence: 'ARREAR', meter_id: meterId };
  await make('/v1/prices', costPrice);
  const secret = await make('/v1/secrets/api/keys', { name: 'owner key', type: 'private_key' });
  const environment = await make('/v1/environments', { name: 'Owner environment', type: 'development' });

  const eventId = 'owner-event-1';
  const at = DateTime.utc(2026, 11, 1).toMillis();
  await createEventStore(api.app.clickhouse).insert(
    [
      {
        tenantId: api.ctx.tenantId,
        environmentId: api.ctx.environmentId,
        id: eventId,
        eventName,
        externalCustomerId,
        customerId: customer.id,
        source: '',
        timestamp: at,
        ingestedAt: at,
        properties: '{}',
        position: { topic: 'events', partition: 0, offset: 1n, line: 0 },
      },
    ],
    'world:1',
  );

  const meterUsage = {
    external_customer_id: externalCustomerId,
    start_time: '2026-01-01T00:00:00Z',
    end_time: '2027-01-01T00:00:00Z',
    aggregation_type: 'COUNT',
  };
  await ensureTopics(api.app);
  await (await api.app.eventLog).append('events.dlq', [deadLetter(api.ctx, '{"id":"owner-dead-event"}', 'invalid_event')]);
  const deadLetterId: string = (await api.request('GET', '/v1/events/dead-letters')).body.items[0].id;

  const { workflow_id: reprocessId } = await make('/v1/events/reprocess', { start_date: '2026-01-01T00:00:00Z' });

  const ids = {
    customerId: customer.id,
    externalCustomerId,
    featureId: feature.id,
    secondFeatureId: second.id,
    meterId,
    planId: plan.id,
    priceId: fee.id,
    priceLookupKey: 'owner-fee',
    entitlementId: entitlement.id,
    subscriptionId: subscribed.id,
    childExternalId,
    inheritedId: inherited.id,
    invoiceId: invoices.items[0]?.id,
    costsheetId: costsheet.id,
    secretId: secret.secret.id,
    environmentId: environment.id,
    eventId,
    eventName,
    deadLetterId,
    reprocessId,
  };
  const bodies: Readonly<Record<string, unknown>> = {
    updateCustomerById: { name: 'Taken' },
    updateEnvironment: { name: 'Taken' },
    updateFeature: { name: 'Taken' },
    updateMeter: { filters: [{ key: 'model', values: ['x'] }] },
    updatePlan: { name: 'Taken' },
    updatePrice: { amount: '2' },
    deletePrice: {},
    updateEntitlement: { usage_limit: 5 },
    cancelSubscription: { cancellation_type: 'immediate' },
    updateInvoice: {},
    cloneFeature: { name: 'Taken' },
    updateCostsheet: { name: 'Taken' },
  };
  return {
    ...ids,
    bodyFor: (route) => bodies[route.operationId] ?? {},
    foreignBodies: () => [
      ['PUT', `/v1/customers?id=${ids.customerId}`, { name: 'Taken' }],
      ['PUT', `/v1/customers?external_customer_id=${externalCustomerId}`, { name: 'Taken' }],
      ['POST', '/v1/features', { name: 'Theirs', type: 'metered', meter_id: meterId }],
      ['POST', '/v1/prices', { ...price(ids.planId), type: 'FIXED', invoice_cadence: 'ADVANCE' }],
      ['POST', '/v1/prices', costPrice],
      ['POST', '/v1/prices/bulk', { items: [{ ...price(ids.planId), type: 'FIXED', invoice_cadence: 'ADVANCE' }] }],
      [
        'POST',
        '/v1/entitlements',
        {
          entity_type: 'PLAN',
          entity_id: ids.planId,
          feature_id: ids.featureId,
          feature_type: 'metered',
          usage_limit: 1,
          usage_reset_period: 'MONTHLY',
        },
      ],
      ['POST', '/v1/subscriptions', subscription(ids.customerId, ids.planId)],
      [
        'POST',
        '/v1/subscriptions',
        {
          ...subscription('', ids.planId),
          external_customer_id: 'theirs',
          inheritance: { external_customer_ids_to_inherit_subscription: [childExternalId] },
        },
      ],
      [
        'POST',
        '/v1/subscriptions',
        { ...subscription('', ids.planId), external_customer_id: 'theirs', inheritance: { parent_subscription_id: ids.subscriptionId } },
      ],
      ['POST', `/v1/subscriptions/${ids.inheritedId}/cancel`, { cancellation_type: 'immediate' }],
      ['POST', '/v1/subscriptions/usage', { subscription_id: ids.subscriptionId }],
      ['POST', '/v1/invoices/preview', { subscription_id: ids.subscriptionId }],
      ['POST', '/v1/events/usage/meter', { meter_id: meterId, external_customer_id: externalCustomerId }],
      ['POST', '/v1/meter-usage/query', { meter_id: meterId, ...meterUsage }],
      ['POST', '/v1/meter-usage/analytics', { meter_ids: [meterId], ...meterUsage }],
      [
        'POST',
        '/v1/subscriptions',
        { ...subscription(ids.customerId, ids.planId), line_item_commitments: { [ids.priceId]: { commitment_amount: 1 } } },
      ],
      ['POST', '/v1/meters/preview', { meter_id: meterId, external_customer_id: externalCustomerId }],
      ['GET', `/v1/customers/usage?customer_id=${ids.customerId}`, undefined],
      ['GET', `/v1/customers/usage?customer_lookup_key=${externalCustomerId}`, undefined],
      ['GET', `/v1/events/lookup?id=${eventId}`, undefined],
      ['POST', '/v1/events/dead-letters/redrive', { ids: [deadLetterId] }],
    ],
    secretsOfOwner: (exceptTenantLevel) => [
      ids.customerId,
      ids.featureId,
      meterId,
      ids.planId,
      ids.priceId,
      ids.entitlementId,
      ids.subscriptionId,
      ids.inheritedId,
      childExternalId,
      ids.invoiceId,
      ids.costsheetId,
      ids.secretId,
      eventId,
      deadLetterId,
      reprocessId,
      'owner-dead-event',
      ...(exceptTenantLevel ? [] : [ids.environmentId]),
    ],
  };
}
