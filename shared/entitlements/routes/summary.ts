import * as z from 'zod';
import { FeatureResponse } from '#catalog/contracts/feature.ts';
import { queryList } from '#kernel/pagination.ts';
import { toWire, wireNumber } from '#kernel/wire.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { CustomerEntitlementsResponse, SubscriptionEntitlementsResponse } from '../contracts.ts';
import { shaped } from '#platform/resource/shape.ts';
import { sourceToWire } from './source-to-wire.ts';
import type { CustomerRights, EntitlementSummaryService, FeatureSummary } from '../service/summary.ts';

/** Served under the customers' prefix. */
export const customerEntitlementRoutes = (summaries: EntitlementSummaryService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/customers/{id}/entitlements',
    operationId: 'getCustomerEntitlements',
    tag: 'Customers',
    summary: 'What the running subscriptions of a customer give',
    permission: 'read:Entitlement',
    params: z.object({ id: z.string() }),
    responses: { 200: CustomerEntitlementsResponse },
    handler: async ({ ctx, params }) => ok(customerReply(await summaries.rightsOf(ctx, { id: params.id }))),
  }),
  route({
    method: 'GET',
    path: '/v1/customers/external/{external_id}/entitlements',
    operationId: 'getCustomerEntitlementsByExternalID',
    tag: 'Customers',
    summary: 'What the running subscriptions of a customer give, by external id',
    permission: 'read:Entitlement',
    params: z.object({ external_id: z.string() }),
    responses: { 200: CustomerEntitlementsResponse },
    handler: async ({ ctx, params }) => ok(customerReply(await summaries.rightsOf(ctx, { externalId: params.external_id }))),
  }),
];

/** Served under the subscriptions' prefix. */
export const subscriptionEntitlementRoutes = (summaries: EntitlementSummaryService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/subscriptions/{id}/entitlements',
    operationId: 'getSubscriptionEntitlements',
    tag: 'Subscriptions',
    summary: 'What a subscription gives',
    permission: 'read:Entitlement',
    params: z.object({ id: z.string() }),
    query: z.object({ feature_ids: queryList }),
    responses: { 200: SubscriptionEntitlementsResponse },
    handler: async ({ ctx, params, query }) => {
      const { subscription, summaries: features } = await summaries.ofSubscription(ctx, params.id, query.feature_ids ?? null);
      return ok({ subscription_id: subscription.id, plan_id: subscription.planId, features: features.map(summaryToWire) });
    },
  }),
];

function customerReply({ customer, summaries }: CustomerRights): unknown {
  return { customer_id: customer.id, features: summaries.map(summaryToWire) };
}

function summaryToWire({ feature, entitlement }: FeatureSummary): unknown {
  const { isEnabled, isSoftLimit, usageLimit, usageResetPeriod, staticValues, configValues } = entitlement;
  return {
    feature: shaped(FeatureResponse, feature),
    entitlement: {
      ...(toWire({
        isEnabled,
        isSoftLimit,
        usageLimit: entitlement.featureType === 'metered' && usageLimit !== null ? wireNumber(usageLimit) : null,
        usageResetPeriod,
        staticValues,
        aggregationMode: 'additive',
      }) as object),
      // The callers' own keys are not re-cased.
      config_values: configValues,
    },
    sources: entitlement.sources.map(sourceToWire),
  };
}
