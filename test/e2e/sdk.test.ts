import { ErrorsErrorsErrorResponse, Flexprice, SDKError } from '@flexprice/sdk';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { type Gateway, startGateway } from '#local/gateway.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { type RunningConsumer, startConsumer } from '#workers/consumer/run.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { ensureTopics } from '../support/events.ts';

const WAIT = { timeout: 20_000, interval: 50 };
const JANUARY = { startTime: '2026-01-01T00:00:00Z', endTime: '2026-02-01T00:00:00Z' };
const PRICE = {
  entityType: 'PLAN',
  billingModel: 'FLAT_FEE',
  billingCadence: 'RECURRING',
  billingPeriod: 'MONTHLY',
  billingPeriodCount: 1,
  priceUnitType: 'FIAT',
  currency: 'USD',
} as const;
const SUBSCRIPTION = { currency: 'USD', billingCadence: 'RECURRING', billingPeriod: 'MONTHLY', billingPeriodCount: 1 } as const;

let api: TestApi;
let consumer: RunningConsumer;
let gateway: Gateway;
let sdk: Flexprice;

beforeAll(async () => {
  api = await startTestApi({ clickhouse: true, env: { FLEXPRICE_CONSUMER_MAX_WAIT_MS: '20' } });
  await ensureTopics(api.app);
  consumer = await startConsumer({ app: api.app, logger: silentLogger });
  gateway = await startGateway(
    { ingest: createIngestHandler(api.app), management: createManagementHandler(api.app) },
    { host: '127.0.0.1', port: 0 },
  );
  sdk = new Flexprice({ serverURL: `http://127.0.0.1:${gateway.port}/v1`, apiKeyAuth: api.key });
});
afterAll(async () => {
  await gateway?.close();
  await consumer?.stop();
  await api?.close();
});

/** The client's types say that anything may be absent; what a test goes on with must be there. */
function there<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('the answer has no such field');
  return value;
}

/** The error that a call ends with. */
const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => {
      throw new Error('the call should have failed');
    },
    (error: unknown) => error,
  );

/** What a customer of the product sets up before the first event: 30.00 in advance, a cent per thousand tokens after the first 100,000. */
async function offer(name: string) {
  const customer = await sdk.customers.createCustomer({
    externalId: name,
    name,
    email: `${name}@example.com`,
    metadata: { segment: 'test' },
  });
  const feature = await sdk.features.createFeature({
    name: `Tokens of ${name}`,
    lookupKey: `${name}-tokens`,
    type: 'metered',
    unitSingular: 'token',
    unitPlural: 'tokens',
    meter: {
      name: `Tokens of ${name}`,
      eventName: `${name}.call`,
      aggregation: { type: 'SUM', field: 'tokens' },
      filters: [{ key: 'model', values: ['large', 'small'] }],
      resetUsage: 'BILLING_PERIOD',
    },
  });
  const plan = await sdk.plans.createPlan({ name: `Plan of ${name}`, lookupKey: `${name}-plan`, description: 'Fee and tokens' });
  const [planId, meterId, featureId] = [there(plan.id), there(feature.meterId), there(feature.id)];
  const fee = await sdk.prices.createPrice({
    ...PRICE,
    entityId: planId,
    type: 'FIXED',
    invoiceCadence: 'ADVANCE',
    amount: '30.00',
    displayName: 'Fee',
    lookupKey: `${name}-fee`,
  });
  const usage = await sdk.prices.createPrice({
    ...PRICE,
    entityId: planId,
    type: 'USAGE',
    invoiceCadence: 'ARREAR',
    meterId,
    amount: '0.00001',
    displayName: 'Tokens',
  });
  const entitlement = await sdk.entitlements.createEntitlement({
    entityType: 'PLAN',
    entityId: planId,
    featureId,
    featureType: 'metered',
    usageLimit: 100_000,
    usageResetPeriod: 'MONTHLY',
    isSoftLimit: true,
    isEnabled: true,
  });
  return {
    externalId: name,
    eventName: `${name}.call`,
    customer,
    feature,
    plan,
    fee,
    usage,
    entitlement,
    customerId: there(customer.id),
    planId,
    meterId,
    featureId,
  };
}

describe('set-up', () => {
  test('what is created is answered whole, and found again', async () => {
    const made = await offer('setup');
    const { customer, feature, plan, fee, usage, entitlement } = made;
    expect(customer).toMatchObject({
      externalId: 'setup',
      email: 'setup@example.com',
      metadata: { segment: 'test' },
      status: 'published',
      tenantId: api.ctx.tenantId,
      environmentId: api.ctx.environmentId,
    });
    expect(feature).toMatchObject({
      type: 'metered',
      meter: {
        eventName: 'setup.call',
        aggregation: { type: 'SUM', field: 'tokens' },
        filters: [{ key: 'model', values: ['large', 'small'] }],
      },
    });
    expect(fee).toMatchObject({ type: 'FIXED', amount: '30', currency: 'USD', displayAmount: '$30.00', invoiceCadence: 'ADVANCE' });
    expect(usage).toMatchObject({ type: 'USAGE', amount: '0.00001', meterId: made.meterId });
    expect(entitlement).toMatchObject({ featureId: made.featureId, usageLimit: 100_000, usageResetPeriod: 'MONTHLY', isSoftLimit: true });

    expect(await sdk.customers.getCustomer(made.customerId)).toMatchObject({ id: made.customerId });
    expect(await sdk.customers.getCustomerByExternalId('setup')).toMatchObject({ id: made.customerId });
    expect((await sdk.customers.queryCustomer({ externalId: 'setup', limit: 10 })).items).toMatchObject([{ id: made.customerId }]);
    expect((await sdk.features.queryFeature({ lookupKey: 'setup-tokens' })).items).toMatchObject([
      { id: made.featureId, meter: { id: made.meterId } },
    ]);
    expect(await sdk.plans.getPlan(made.planId)).toMatchObject({ id: made.planId, name: plan.name });
    expect((await sdk.plans.queryPlan({ planIds: [made.planId], expand: 'prices,entitlements' })).items).toMatchObject([
      { id: made.planId, prices: [{}, {}], entitlements: [{}] },
    ]);
    expect(await sdk.prices.getPriceByLookupKey('setup-fee')).toMatchObject({ id: there(fee.id) });
    expect(await sdk.prices.getPrice(there(usage.id))).toMatchObject({ id: there(usage.id) });
    expect((await sdk.prices.queryPrice({ planIds: [made.planId], expand: 'meters' })).items?.map(({ type }) => type).sort()).toEqual([
      'FIXED',
      'USAGE',
    ]);
    expect(await sdk.entitlements.getEntitlement(there(entitlement.id))).toMatchObject({ id: there(entitlement.id) });
    expect(
      (await sdk.entitlements.queryEntitlement({ entityType: 'PLAN', entityIds: [made.planId], expand: 'features' })).items,
    ).toMatchObject([{ id: there(entitlement.id) }]);
    // This version of the client takes the list for a plan; that it accepts the answer is all there is to see.
    await expect(sdk.entitlements.getPlanEntitlements(made.planId)).resolves.toBeInstanceOf(Object);
  });

  test('what is there can be changed and deleted', async () => {
    const { customerId, featureId, planId, entitlement } = await offer('change');
    expect(await sdk.customers.updateCustomer({ name: 'Changed' }, customerId)).toMatchObject({ id: customerId, name: 'Changed' });
    expect(await sdk.customers.updateCustomer({ email: 'new@example.com' }, undefined, 'change')).toMatchObject({
      id: customerId,
      name: 'Changed',
      email: 'new@example.com',
    });
    expect(await sdk.features.updateFeature(featureId, { name: 'Changed' })).toMatchObject({ name: 'Changed' });
    expect(await sdk.plans.updatePlan(planId, { description: 'Changed' })).toMatchObject({ description: 'Changed' });
    expect(await sdk.entitlements.updateEntitlement(there(entitlement.id), { usageLimit: 5 })).toMatchObject({ usageLimit: 5 });
    const extra = await sdk.prices.createPricesBulk({
      items: [{ ...PRICE, entityId: planId, type: 'FIXED', invoiceCadence: 'ARREAR', amount: '1' }],
    });
    const extraId = there(extra.items?.[0]?.id);
    expect(await sdk.prices.updatePrice(extraId, { displayName: 'Extra' })).toMatchObject({ displayName: 'Extra' });
    expect(await sdk.prices.deletePrice(extraId, {})).toMatchObject({ message: expect.any(String) });
    expect(await sdk.entitlements.deleteEntitlement(there(entitlement.id))).toMatchObject({ message: expect.any(String) });
    expect(await sdk.plans.deletePlan(planId)).toMatchObject({ message: expect.any(String) });
    await sdk.customers.deleteCustomer(customerId);
    expect((await sdk.customers.queryCustomer({ externalId: 'change' })).items).toEqual([]);
  });

  test('keys and environments', async () => {
    const made = await sdk.secrets.createApiKey({ name: 'From the client', type: 'private_key' });
    const key = there(made.apiKey);
    const other = new Flexprice({ serverURL: `http://127.0.0.1:${gateway.port}/v1/`, apiKeyAuth: key });
    expect((await other.customers.queryCustomer({ limit: 1 })).pagination).toMatchObject({ limit: 1 });
    expect((await sdk.secrets.listApiKeys()).items?.map(({ id }) => id)).toContain(there(made.secret?.id));
    await sdk.secrets.deleteApiKey(there(made.secret?.id));
    expect((await sdk.secrets.listApiKeys()).items?.map(({ id }) => id)).not.toContain(there(made.secret?.id));
    expect(await sdk.environments.createEnvironment({ name: 'Staging', type: 'development' })).toMatchObject({
      name: 'Staging',
      type: 'development',
    });
    expect(await sdk.users.getUserInfo()).toMatchObject({ id: expect.any(String), tenant: { id: api.ctx.tenantId } });
    expect(await sdk.rbac.listRbacRoles()).toHaveProperty('roles');
  });
});

describe('from the first event to the invoice', () => {
  let made: Awaited<ReturnType<typeof offer>>;
  let subscriptionId: string;

  beforeAll(async () => {
    made = await offer('acme');
    const event = { eventName: made.eventName, externalCustomerId: 'acme', source: 'sdk' };
    expect(
      await sdk.events.ingestEvent({
        ...event,
        eventId: 'e1',
        timestamp: '2026-01-05T10:00:00Z',
        properties: { tokens: '90000', model: 'large' },
      }),
    ).toMatchObject({ event_id: 'e1' });
    const accepted = await sdk.events.ingestEventsBulk({
      events: [
        { ...event, eventId: 'e2', timestamp: '2026-01-06T10:00:00Z', properties: { tokens: '60000', model: 'small' } },
        { ...event, eventId: 'e3', timestamp: '2026-01-06T11:00:00Z', properties: { tokens: '50000', model: 'large' } },
        { ...event, eventId: 'e4', timestamp: '2026-01-06T12:00:00Z', properties: { tokens: '7', model: 'other' } },
        { ...event, eventId: 'e1', timestamp: '2026-01-07T10:00:00Z', properties: { tokens: '90000', model: 'large' } },
      ],
    });
    expect(accepted).toMatchObject({ accepted: '4' });
    await vi.waitFor(
      async () => expect((await sdk.events.listRawEvents({ externalCustomerId: 'acme', ...JANUARY })).totalCount).toBe(4),
      WAIT,
    );
    const subscription = await sdk.subscriptions.createSubscription({
      ...SUBSCRIPTION,
      customerId: made.customerId,
      planId: made.planId,
      billingCycle: 'calendar',
      startDate: JANUARY.startTime,
      metadata: { order: '7' },
    });
    subscriptionId = there(subscription.id);
  });

  test('events and usage', async () => {
    const listed = await sdk.events.listRawEvents({
      externalCustomerId: 'acme',
      eventName: made.eventName,
      ...JANUARY,
      order: 'asc',
      pageSize: 2,
    });
    expect(listed).toMatchObject({
      hasMore: true,
      totalCount: 4,
      events: [{ id: 'e1', properties: { tokens: '90000', model: 'large' } }, { id: 'e2' }],
    });
    const rest = await sdk.events.listRawEvents({
      externalCustomerId: 'acme',
      ...JANUARY,
      order: 'asc',
      pageSize: 2,
      iterLastKey: there(listed.iterLastKey),
    });
    expect(rest).toMatchObject({ hasMore: false, events: [{ id: 'e3' }, { id: 'e4' }] });
    expect(await sdk.events.getEvent('e3')).toMatchObject({ event: { id: 'e3', externalCustomerId: 'acme' }, status: 'processed' });

    const scope = { externalCustomerId: 'acme', ...JANUARY };
    expect(
      await sdk.events.getUsageStatistics({ ...scope, eventName: made.eventName, aggregationType: 'SUM', propertyName: 'tokens' }),
    ).toMatchObject({ value: 200_007, type: 'SUM', eventName: made.eventName });
    expect(
      await sdk.events.getUsageStatistics({ ...scope, eventName: made.eventName, aggregationType: 'COUNT', windowSize: 'DAY' }),
    ).toMatchObject({
      value: 4,
      results: [
        { windowSize: '2026-01-05T00:00:00Z', value: 1 },
        { windowSize: '2026-01-06T00:00:00Z', value: 3 },
      ],
    });
    expect(await sdk.events.getUsageByMeter({ ...scope, meterId: made.meterId })).toMatchObject({ value: 200_000, type: 'SUM' });
    expect(await sdk.subscriptions.getSubscriptionUsage({ subscriptionId, ...JANUARY })).toMatchObject({
      amount: 1,
      currency: 'usd',
      displayAmount: '$1.00',
      hasOverage: false,
      charges: [{ amount: 1, quantity: 200_000, meterId: made.meterId, price: { amount: '0.00001' } }],
    });
  });

  test('the subscription and what it gives', async () => {
    const period = { currentPeriodStart: JANUARY.startTime, currentPeriodEnd: JANUARY.endTime };
    expect(await sdk.subscriptions.getSubscription(subscriptionId)).toMatchObject({
      id: subscriptionId,
      ...period,
      subscriptionStatus: 'active',
      currency: 'usd',
      metadata: { order: '7' },
      customer: { externalId: 'acme' },
      plan: { id: made.planId },
    });
    expect(
      (await sdk.subscriptions.querySubscription({ customerId: made.customerId, subscriptionStatus: ['active'], withLineItems: true }))
        .items,
    ).toMatchObject([{ id: subscriptionId, lineItems: [{}, {}] }]);
    const gives = [{ feature: { id: made.featureId }, entitlement: { usageLimit: 100_000, isEnabled: true } }];
    expect(await sdk.customers.getCustomerEntitlements(made.customerId)).toMatchObject({ customerId: made.customerId, features: gives });
    expect(await sdk.subscriptions.getSubscriptionEntitlements(subscriptionId)).toMatchObject({ subscriptionId, features: gives });
  });

  test('the opening invoice, the preview, and the invoice of the month through its states', async () => {
    const { items: opened } = await sdk.invoices.queryInvoice({ subscriptionId, expand: 'customer' });
    expect(opened).toMatchObject([
      {
        invoiceStatus: 'FINALIZED',
        billingReason: 'SUBSCRIPTION_CREATE',
        total: '30',
        customer: { externalId: 'acme' },
        lineItems: [{ displayName: 'Fee', amount: '30' }],
      },
    ]);

    const lines = [
      { displayName: 'Fee', amount: '30', quantity: '1' },
      { displayName: 'Tokens', amount: '1', quantity: '100000' },
    ];
    const preview = await sdk.invoices.getInvoicePreview({ subscriptionId });
    expect(preview).toMatchObject({ total: '31', currency: 'usd', invoiceStatus: 'DRAFT', lineItems: lines });

    const { tenantId, environmentId } = api.ctx;
    const { invoiceId } = there(await api.app.billingActivities.closePeriod({ tenantId, environmentId, subscriptionId }));
    expect(await sdk.invoices.getInvoice(invoiceId)).toMatchObject({ invoiceStatus: 'DRAFT', billingReason: 'SUBSCRIPTION_CYCLE' });
    expect(await sdk.invoices.finalizeInvoice(invoiceId)).toMatchObject({ message: expect.any(String) });
    const invoice = await sdk.invoices.getInvoice(invoiceId);
    expect(invoice).toMatchObject({
      invoiceStatus: 'FINALIZED',
      paymentStatus: 'PENDING',
      total: '31',
      amountDue: '31',
      amountRemaining: '31',
      periodStart: JANUARY.startTime,
      periodEnd: JANUARY.endTime,
      lineItems: lines,
    });
    expect(invoice.invoiceNumber).toMatch(/^INV-\d{6}-\d{5}$/);
    expect(await failure(sdk.invoices.finalizeInvoice(invoiceId))).toMatchObject({ statusCode: 400 });

    expect(await sdk.invoices.voidInvoice(invoiceId)).toMatchObject({ message: expect.any(String) });
    expect(
      (await sdk.invoices.queryInvoice({ customerId: made.customerId, invoiceStatus: ['VOIDED'], skipLineItems: true })).items,
    ).toMatchObject([{ id: invoiceId, invoiceNumber: invoice.invoiceNumber }]);
  });

  test('a subscription ends at the end of its period, or at once', async () => {
    const later = await sdk.subscriptions.createSubscription({
      ...SUBSCRIPTION,
      externalCustomerId: 'acme',
      planId: made.planId,
      billingCycle: 'anniversary',
    });
    const id = there(later.id);
    expect(await sdk.subscriptions.cancelSubscription(id, { cancellationType: 'end_of_period', reason: 'moving' })).toMatchObject({
      subscriptionId: id,
      cancellationType: 'end_of_period',
      effectiveDate: later.currentPeriodEnd,
      reason: 'moving',
    });
    expect(await sdk.subscriptions.getSubscription(id)).toMatchObject({
      subscriptionStatus: 'active',
      cancelAtPeriodEnd: true,
      cancelAt: later.currentPeriodEnd,
    });
    expect(
      await sdk.subscriptions.cancelSubscription(id, { cancellationType: 'immediate', cancelImmediatelyInovicePolicy: 'skip' }),
    ).toMatchObject({ cancellationType: 'immediate', status: 'cancelled' });
    expect(await sdk.subscriptions.getSubscription(id)).toMatchObject({ subscriptionStatus: 'cancelled' });
  });
});

test('a commitment, and what was used of it, as analytics tell it', async () => {
  const made = await offer('committed');
  const priceId = there(made.usage.id);
  const subscription = await sdk.subscriptions.createSubscription({
    ...SUBSCRIPTION,
    externalCustomerId: 'committed',
    planId: made.planId,
    billingCycle: 'calendar',
    startDate: JANUARY.startTime,
    lineItemCommitments: { [priceId]: { commitmentAmount: 1.5, overageFactor: 2, enableTrueUp: true } },
  });
  expect(there(subscription.lineItems).find((item) => item.priceId === priceId)).toMatchObject({
    commitmentType: 'amount',
    commitmentAmount: '1.5',
    commitmentOverageFactor: '2',
    commitmentTrueUpEnabled: true,
    commitmentWindowed: false,
  });
  await sdk.events.ingestEvent({
    eventId: 'c1',
    eventName: made.eventName,
    externalCustomerId: 'committed',
    source: 'sdk',
    timestamp: '2026-01-05T10:00:00Z',
    properties: { tokens: '200000', model: 'large' },
  });
  await vi.waitFor(
    async () => expect((await sdk.events.listRawEvents({ externalCustomerId: 'committed', ...JANUARY })).totalCount).toBe(1),
    WAIT,
  );
  const scope = { externalCustomerId: 'committed', ...JANUARY };
  const analytics = await sdk.events.getUsageAnalytics({
    ...scope,
    windowSize: 'DAY',
    expand: ['price', 'meter', 'feature', 'subscription_line_item', 'plan', 'source'],
  });
  expect(analytics).toMatchObject({
    totalCost: '2.5',
    currency: 'usd',
    customAnalytics: [],
    items: [
      {
        featureId: made.featureId,
        priceId,
        meterId: made.meterId,
        subscriptionId: subscription.id,
        totalUsage: '200000',
        totalCost: '2.5',
        eventCount: 1,
        unit: 'token',
        sources: ['sdk'],
        windowSize: 'DAY',
        commitmentInfo: { type: 'amount', amount: '1.5', computedOverageAmount: '1', computedCommitmentUtilizedAmount: '1.5' },
        points: [{ timestamp: '2026-01-05T00:00:00Z', usage: '200000', eventCount: 1 }],
        price: { id: priceId },
        meter: { id: made.meterId },
        feature: { id: made.featureId },
        subscriptionLineItem: { priceId },
        plan: { id: made.planId },
      },
    ],
  });
  expect((await sdk.events.getUsageAnalytics({ ...scope, groupBy: ['source', 'properties.model'] })).items).toMatchObject([
    { source: 'sdk', properties: { model: 'large' }, totalUsage: '200000', totalCost: '2' },
  ]);
});

describe('errors', () => {
  test('400 and 404 are the typed error of the client, with status and body', async () => {
    const bad = await failure(sdk.plans.createPlan({ name: '' }));
    expect(bad).toBeInstanceOf(ErrorsErrorsErrorResponse);
    expect(bad).toMatchObject({ statusCode: 400 });
    expect(JSON.parse((bad as ErrorsErrorsErrorResponse).body)).toMatchObject({
      code: 'validation_error',
      http_status_code: 400,
      details: { field: 'name' },
    });

    const unknown = await failure(sdk.invoices.getInvoice('inv_unknown'));
    expect(unknown).toBeInstanceOf(ErrorsErrorsErrorResponse);
    expect(unknown).toMatchObject({ statusCode: 404 });
    expect(JSON.parse((unknown as ErrorsErrorsErrorResponse).body)).toMatchObject({ code: 'not_found', http_status_code: 404 });
  });

  test('401 and 409 are an SDKError with the same body', async () => {
    const stranger = new Flexprice({ serverURL: `http://127.0.0.1:${gateway.port}/v1`, apiKeyAuth: 'sk_unknown' });
    const refused = await failure(stranger.customers.queryCustomer({}));
    expect(refused).toBeInstanceOf(SDKError);
    expect(refused).toMatchObject({ statusCode: 401 });

    await sdk.customers.createCustomer({ externalId: 'twice', name: 'Twice' });
    const taken = await failure(sdk.customers.createCustomer({ externalId: 'twice', name: 'Twice' }));
    expect(taken).toBeInstanceOf(SDKError);
    expect(taken).toMatchObject({ statusCode: 409 });
    expect(JSON.parse((taken as SDKError).body)).toMatchObject({ code: 'already_exists', details: { field: 'external_id' } });
  });
});
