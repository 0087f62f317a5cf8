import type { RequestContext } from '#kernel/context.ts';
import type { Route } from '#platform/http/route.ts';
import { price, subscription, type World } from './world.ts';

/** What each route is asked by somebody who may: ids of the world, and bodies that reach the engines. */
export interface WorldRequest {
  readonly path: string;
  readonly body: unknown;
}

export function requestFor(world: World, ctx: RequestContext, route: Route): WorldRequest {
  const path = route.path.replace(/\{\w+\}/g, () => encodeURIComponent(idFor(world, ctx, route)));
  return { path: path + queryFor(world, route), body: route.body ? bodyFor(world, route) : undefined };
}

/** Ids of the world by the route that takes them: what a stranger would have to guess. */
export function idFor(world: World, { tenantId }: RequestContext, { path }: Route): string {
  const [, , resource = ''] = path.replace('/customer/portal/', '/').split('/');
  if (path.includes('{external_id}')) return world.externalCustomerId;
  if (path.startsWith('/v1/prices/lookup')) return world.priceLookupKey;
  if (path.startsWith('/v1/customers/lookup')) return world.externalCustomerId;
  if (path.startsWith('/v1/events/dead-letters')) return world.deadLetterId;
  if (path.startsWith('/v1/events/reprocess')) return world.reprocessId;
  const ids: Record<string, string> = {
    tenants: tenantId,
    environments: world.environmentId,
    secrets: world.secretId,
    customers: world.customerId,
    features: world.featureId,
    meters: world.meterId,
    plans: world.planId,
    prices: world.priceId,
    entitlements: world.entitlementId,
    subscriptions: world.subscriptionId,
    invoices: world.invoiceId,
    events: world.eventId,
    costs: world.costsheetId,
    settings: 'event_ingestion_filter',
  };
  const id = ids[resource];
  if (id === undefined) throw new Error(`no id is known for ${path}: add it to this table`);
  return id;
}

/** What a route asks for besides its id. */
export function queryFor(world: World, { method, path }: Route): string {
  if (path.endsWith('/entitlements/check')) return `?feature=${world.featureId}`;
  if (path === '/v1/events/lookup') return `?id=${world.eventId}`;
  if (path === '/v1/customers/usage') return `?customer_id=${world.customerId}`;
  return method === 'PUT' && path === '/v1/customers' ? `?id=${world.customerId}` : '';
}

function bodyFor(world: World, route: Route): unknown {
  const range = { start_time: '2026-01-01T00:00:00Z', end_time: '2027-01-01T00:00:00Z' };
  const meter = {
    name: 'More calls',
    event_name: world.eventName,
    aggregation: { type: 'SUM', field: 'tokens' },
    reset_usage: 'BILLING_PERIOD',
  };
  const ofCustomer = { external_customer_id: world.externalCustomerId, ...range };
  const fee = { ...price(world.planId), type: 'FIXED', invoice_cadence: 'ADVANCE' };
  const right = {
    entity_type: 'PLAN',
    entity_id: world.planId,
    feature_id: world.secondFeatureId,
    feature_type: 'metered',
    usage_limit: 1,
    usage_reset_period: 'MONTHLY',
  };
  const event = { event_name: world.eventName, external_customer_id: world.externalCustomerId };
  const bodies: Readonly<Record<string, unknown>> = {
    updateTenant: { name: 'Renamed' },
    updateIngestTerms: { lazy: false },
    createEnvironment: { name: 'Another', type: 'development' },
    createApiKey: { name: 'another', type: 'private_key' },
    createCustomer: { external_id: 'another-customer', name: 'Another' },
    updateCustomer: { name: 'Renamed' },
    updatePortalCustomer: { name: 'Renamed' },
    createMeter: meter,
    previewMeter: { ...meter, ...ofCustomer },
    getUsageAnalytics: ofCustomer,
    getPortalUsageAnalytics: range,
    getPortalCostAnalytics: range,
    queryMeterUsage: { ...ofCustomer, meter_id: world.meterId, aggregation_type: 'COUNT' },
    getMeterUsageAnalytics: { ...ofCustomer, meter_ids: [world.meterId], aggregation_type: 'COUNT' },
    getMeterUsageDetailedAnalytics: { ...ofCustomer, meter_ids: [world.meterId] },
    getUsageStatistics: { ...ofCustomer, event_name: world.eventName, aggregation_type: 'COUNT' },
    getUsageByMeter: { ...ofCustomer, meter_id: world.meterId },
    redriveDeadLetters: { ids: [world.deadLetterId] },
    reprocessEvents: { start_date: range.start_time },
    createFeature: { name: 'Another', type: 'metered', lookup_key: 'another', meter },
    createPlan: { name: 'Another' },
    createPrice: fee,
    createPricesBulk: { items: [fee] },
    getDetailedCostAnalytics: ofCustomer,
    getDetailedCostAnalyticsV2: ofCustomer,
    createCostsheet: { name: 'Another', lookup_key: 'another' },
    createEntitlement: right,
    createEntitlementsBulk: { items: [right] },
    createSubscription: subscription(world.customerId, world.planId),
    getSubscriptionUsage: { subscription_id: world.subscriptionId },
    updateSettingByKey: { value: { enabled: false, allowed_external_customer_ids: [] } },
    getInvoicePreview: { subscription_id: world.subscriptionId },
    ingestEvent: event,
    ingestEventsBulk: { events: [event] },
    ingestRawEventsBulk: {
      events: [{ orgId: 'org', methodName: 'chat', id: 'raw-1', createdAt: '2026-11-01T00:00:00Z', providerName: 'p' }],
    },
  };
  return bodies[route.operationId] ?? world.bodyFor(route);
}
