import * as z from 'zod';
import { FeatureResponse } from '#catalog/contracts/feature.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import { toWire, wireNumber, wireTime } from '#kernel/wire.ts';
import { ok, type Reply, type Route, route } from '#platform/http/route.ts';
import { CustomerUsageSummaryQuery, CustomerUsageSummaryResponse, UsageSummaryOfCustomerQuery } from '../contracts.ts';
import { shaped } from '#platform/resource/shape.ts';
import { shareToWire } from './share-to-wire.ts';
import { sourceToWire } from './source-to-wire.ts';
import type { CustomerReference } from '../service/summary.ts';
import type { CustomerUsage, FeatureUsage, UsageSummaryService } from '../service/usage.ts';

/** Served under the customers' prefix. */
export const usageSummaryRoutes = (usages: UsageSummaryService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/customers/usage',
    operationId: 'getCustomerUsageSummary',
    tag: 'Customers',
    summary: 'What a customer has used of what it may use',
    permission: 'read:Entitlement',
    query: CustomerUsageSummaryQuery,
    responses: { 200: CustomerUsageSummaryResponse },
    handler: ({ ctx, query }) => usageSummaryReply(usages, ctx, referenceOf(query.customer_id, query.customer_lookup_key), query),
  }),
  route({
    method: 'GET',
    path: '/v1/customers/{id}/usage',
    operationId: 'getCustomerUsageSummaryById',
    tag: 'Customers',
    summary: 'What the customer has used of what it may use',
    permission: 'read:Entitlement',
    params: z.object({ id: z.string() }),
    query: UsageSummaryOfCustomerQuery,
    responses: { 200: CustomerUsageSummaryResponse },
    handler: ({ ctx, params, query }) => usageSummaryReply(usages, ctx, { id: params.id }, query),
  }),
];

/** The answer about one customer, for whoever else asks. */
export async function usageSummaryReply(
  usages: UsageSummaryService,
  ctx: RequestContext,
  reference: CustomerReference,
  query: z.output<typeof UsageSummaryOfCustomerQuery>,
): Promise<Reply> {
  const usage = await usages.ofCustomer(ctx, reference, {
    featureIds: narrowed(query.feature_ids),
    featureLookupKeys: narrowed(query.feature_lookup_keys),
    subscriptionIds: narrowed(query.subscription_ids),
  });
  return {
    ...ok(usageToWire(usage)),
    ...(usage.watermark === null ? {} : { headers: { 'X-Usage-Watermark': wireTime(usage.watermark) } }),
  };
}

/** An empty parameter does not narrow. */
function narrowed(list: readonly string[] | undefined): readonly string[] | null {
  return list === undefined || list.length === 0 ? null : list;
}

function referenceOf(customerId: string | undefined, lookupKey: string | undefined): CustomerReference {
  if (customerId && lookupKey) throw invalid('customer_lookup_key', 'must not be given together with customer_id');
  if (customerId) return { id: customerId };
  if (lookupKey) return { externalId: lookupKey };
  throw invalid('customer_id', 'customer_id or customer_lookup_key is required');
}

function usageToWire({ customerId, features, period }: CustomerUsage): unknown {
  return {
    customer_id: customerId,
    features: features.map(featureUsageToWire),
    ...(period && { period: toWire({ startTime: period.start, endTime: period.end, period: period.billingPeriod }) }),
    pagination: { total: features.length, limit: features.length, offset: 0 },
  };
}

function featureUsageToWire({ feature, entitlement, usage, ratio, window, used }: FeatureUsage): unknown {
  const isMetered = entitlement.featureType === 'metered';
  const limit = isMetered ? entitlement.usageLimit : null;
  return {
    feature: shaped(FeatureResponse, feature),
    ...(toWire({
      totalLimit: limit && wireNumber(limit),
      isUnlimited: isMetered && limit === null,
      currentUsage: usage,
      usagePercent: ratio,
      isEnabled: entitlement.isEnabled,
      isSoftLimit: entitlement.isSoftLimit,
      nextUsageResetAt: window?.nextReset,
      subscriptions: used.length > 0 ? used.map(shareToWire) : null,
    }) as object),
    sources: entitlement.sources.map(sourceToWire),
  };
}
