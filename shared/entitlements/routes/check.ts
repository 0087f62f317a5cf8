import * as z from 'zod';
import { ONE } from '#kernel/decimal.ts';
import { toWire, wireTime } from '#kernel/wire.ts';
import { ok, type Reply, type Route, route } from '#platform/http/route.ts';
import { shareToWire } from './share-to-wire.ts';
import type { EntitlementCheck, EntitlementCheckService } from '../service/check.ts';
import { CheckEntitlementQuery, CheckEntitlementResponse } from '../contracts.ts';

const tag = 'Customers';

/** Served under the customers' prefix. */
export const entitlementCheckRoutes = (checks: EntitlementCheckService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/customers/{id}/entitlements/check',
    operationId: 'checkCustomerEntitlement',
    tag,
    summary: 'Whether the customer may use more of a feature',
    permission: 'read:Entitlement',
    params: z.object({ id: z.string() }),
    query: CheckEntitlementQuery,
    responses: { 200: CheckEntitlementResponse },
    handler: async ({ ctx, params, query }) => reply(await checks.check(ctx, { id: params.id }, query.feature, query.quantity ?? ONE)),
  }),
  route({
    method: 'GET',
    path: '/v1/customers/external/{external_id}/entitlements/check',
    operationId: 'checkCustomerEntitlementByExternalId',
    tag,
    summary: 'Whether the customer may use more of a feature, by external id',
    permission: 'read:Entitlement',
    params: z.object({ external_id: z.string() }),
    query: CheckEntitlementQuery,
    responses: { 200: CheckEntitlementResponse },
    handler: async ({ ctx, params, query }) =>
      reply(await checks.check(ctx, { externalId: params.external_id }, query.feature, query.quantity ?? ONE)),
  }),
];

function reply({ customer, feature, entitlement, counted, quantity, allowed, reason, remaining }: EntitlementCheck): Reply {
  const isMetered = entitlement?.featureType === 'metered';
  const body = {
    ...(toWire({
      allowed,
      reason,
      customerId: customer.id,
      featureId: feature.id,
      featureLookupKey: feature.lookupKey,
      featureType: feature.type,
      requestedQuantity: quantity,
      usage: counted?.usage,
      limit: isMetered ? entitlement.usageLimit : null,
      remaining,
      isSoftLimit: entitlement?.isSoftLimit ?? false,
      isUnlimited: isMetered && entitlement.usageLimit === null,
      usageResetPeriod: isMetered ? entitlement.usageResetPeriod : null,
      periodStart: counted?.window.period.start,
      nextUsageResetAt: counted?.window.nextReset,
      watermark: counted?.watermark,
      subscriptions: counted?.used.length ? counted.used.map(shareToWire) : null,
      staticValues: feature.type === 'static' ? entitlement?.staticValues : null,
    }) as object),
    // The callers' own keys are not re-cased.
    ...(feature.type === 'config' && entitlement !== null && { config_values: entitlement.configValues }),
  };
  return { ...ok(body), ...(counted?.watermark ? { headers: { 'X-Usage-Watermark': wireTime(counted.watermark) } } : {}) };
}
