import * as z from 'zod';
import type { InvoiceService } from '#billing/service/invoice.ts';
import type { SubscriptionUsage, SubscriptionUsageRequest } from '#billing/service/subscription-usage.ts';
import { invoiceToWire } from '#billing/to-wire.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import { listOptions, parseExpand } from '#kernel/pagination.ts';
import { fromWire, toWire } from '#kernel/wire.ts';
import { okUpTo } from '#metering/routes/watermark.ts';
import { pageReply } from '#platform/http/page.ts';
import { created, ok, type Route, route } from '#platform/http/route.ts';
import {
  CancelSubscriptionRequest,
  CancelSubscriptionResponse,
  CreateSubscriptionRequest,
  GetUsageBySubscriptionRequest,
  GetUsageBySubscriptionResponse,
  ListSubscriptionsResponse,
  SUBSCRIPTION_EXPAND,
  SubscriptionListQuery,
  SubscriptionQuery,
  SubscriptionResponse,
  SubscriptionSearchRequest,
} from './contracts.ts';
import { refuseUnsupported } from './domain/unsupported.ts';
import type { SubscriptionExpansion, SubscriptionService, SubscriptionView } from './service/subscription.ts';
import { creationOf } from './creation-from-wire.ts';
import { subscriptionToWire, subscriptionUsageToWire } from './to-wire.ts';

const tag = 'Subscriptions';
const byId = z.object({ id: z.string() });

export interface SubscriptionRouteDependencies {
  readonly subscriptions: SubscriptionService;
  readonly invoices: InvoiceService;
  readonly usage: (ctx: RequestContext, request: SubscriptionUsageRequest) => Promise<SubscriptionUsage>;
}

export function subscriptionRoutes({ subscriptions, invoices, usage }: SubscriptionRouteDependencies): Route[] {
  const withLatestInvoice = async (ctx: RequestContext, view: SubscriptionView): Promise<unknown> => {
    const latest = await invoices.latestOf(ctx, view.subscription.id);
    return { ...subscriptionToWire(view), ...(latest && { latest_invoice: invoiceToWire(latest) }) };
  };

  return [
    route({
      method: 'POST',
      path: '/v1/subscriptions',
      operationId: 'createSubscription',
      tag,
      summary: 'Subscribe a customer to a plan',
      permission: 'write:Subscription',
      body: CreateSubscriptionRequest,
      responses: { 201: SubscriptionResponse },
      handler: async ({ ctx, body }) => {
        refuseUnsupported(body);
        return created(await withLatestInvoice(ctx, await subscriptions.create(ctx, creationOf(body))));
      },
    }),
    route({
      method: 'GET',
      path: '/v1/subscriptions',
      operationId: 'listSubscriptions',
      tag,
      summary: 'List subscriptions',
      permission: 'authenticated',
      query: SubscriptionListQuery,
      responses: { 200: ListSubscriptionsResponse },
      handler: async ({ ctx, query }) =>
        ok(pageReply(await subscriptions.list(ctx, filterOf(fromWire(query)), listOptions(query), expansion(query)), subscriptionToWire)),
    }),
    route({
      method: 'POST',
      path: '/v1/subscriptions/search',
      operationId: 'querySubscription',
      tag,
      summary: 'Search subscriptions',
      permission: 'authenticated',
      body: SubscriptionSearchRequest,
      responses: { 200: ListSubscriptionsResponse },
      handler: async ({ ctx, body }) =>
        ok(pageReply(await subscriptions.list(ctx, filterOf(fromWire(body)), listOptions(body), expansion(body)), subscriptionToWire)),
    }),
    route({
      method: 'POST',
      path: '/v1/subscriptions/usage',
      operationId: 'getSubscriptionUsage',
      tag,
      summary: 'Usage of a subscription and what it costs',
      permission: 'authenticated',
      body: GetUsageBySubscriptionRequest,
      responses: { 200: GetUsageBySubscriptionResponse },
      handler: async ({ ctx, body }) => {
        const found = await usage(ctx, {
          subscriptionId: body.subscription_id,
          start: body.start_time ?? null,
          end: body.end_time ?? null,
          lifetime: body.lifetime_usage ?? false,
        });
        return okUpTo(found.watermark, subscriptionUsageToWire(found));
      },
    }),
    route({
      method: 'GET',
      path: '/v1/subscriptions/{id}',
      operationId: 'getSubscription',
      tag,
      summary: 'Get a subscription with plan, customer, line items and latest invoice',
      permission: 'authenticated',
      params: byId,
      query: SubscriptionQuery,
      responses: { 200: SubscriptionResponse },
      handler: async ({ ctx, params, query }) => {
        parseExpand(query.expand, SUBSCRIPTION_EXPAND);
        return ok(await withLatestInvoice(ctx, await subscriptions.view(ctx, params.id)));
      },
    }),
    route({
      method: 'POST',
      path: '/v1/subscriptions/{id}/cancel',
      operationId: 'cancelSubscription',
      tag,
      summary: 'Cancel a subscription now, at the end of its period, or on a date',
      permission: 'write:Subscription',
      params: byId,
      body: CancelSubscriptionRequest,
      responses: { 200: CancelSubscriptionResponse },
      handler: async ({ ctx, params, body }) => {
        if (body.proration_behavior === 'create_prorations')
          throw invalid('proration_behavior', 'create_prorations is not supported yet on cancellation');
        const { subscription, effectiveDate, invoiceIds } = await subscriptions.cancel(ctx, params.id, {
          cancellationType: body.cancellation_type,
          cancelAt: body.cancel_at ?? null,
          reason: body.reason ?? null,
          invoicePolicy: body.cancel_immediately_inovice_policy ?? 'generate_invoice',
        });
        const last = invoiceIds.at(-1);
        const invoice =
          last === undefined
            ? undefined
            : invoiceToWire(await invoices.view(ctx, last, { lines: true, customer: false, subscription: false }));
        return ok(
          toWire({
            subscriptionId: subscription.id,
            cancellationType: body.cancellation_type,
            status: subscription.subscriptionStatus,
            effectiveDate,
            processedAt: subscription.updatedAt,
            reason: subscription.cancellationReason,
            message: messageOf(subscription.subscriptionStatus),
            prorationDetails: [],
            prorationInvoice: invoice,
            totalCreditAmount: '0',
          }),
        );
      },
    }),
  ];
}

function messageOf(status: string): string {
  return status === 'cancelled' ? 'subscription cancelled successfully' : 'subscription cancellation scheduled successfully';
}

function expansion({
  expand,
  with_line_items: withItems,
}: {
  expand?: string | null | undefined;
  with_line_items?: boolean | null | undefined;
}): SubscriptionExpansion {
  const fields = parseExpand(expand, SUBSCRIPTION_EXPAND);
  const prices = fields.has('prices') || fields.has('prices.meters') || fields.has('subscription_line_items.prices');
  return {
    items: (withItems ?? false) || prices || fields.has('subscription_line_items') || fields.has('subscription_line_items.meters'),
    prices,
    customer: fields.has('customer'),
    plan: fields.has('plan') || fields.has('plan.prices'),
  };
}

/** The wire filters by one customer or by several, the repository by any of several. */
function filterOf<F extends { customerId?: string | null | undefined; customerIds?: readonly string[] | null | undefined }>({
  customerId,
  customerIds,
  ...filter
}: F) {
  const named = customerId ? [customerId] : null;
  if (!customerIds?.length) return { ...filter, customerIds: named };
  return { ...filter, customerIds: named === null ? customerIds : customerIds.filter((id) => id === customerId) };
}
