import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import { parseExpand } from '#kernel/pagination.ts';
import { toWire } from '#kernel/wire.ts';
import { okUpTo } from '#metering/routes/watermark.ts';
import { created, ok, type Route, route } from '#platform/http/route.ts';
import { byId } from '#platform/resource/routes.ts';
import { CancelSubscriptionRequest, CreateSubscriptionRequest } from '#subscriptions/contracts/changes.ts';
import { GetUsageBySubscriptionRequest, SUBSCRIPTION_EXPAND, SubscriptionQuery } from '#subscriptions/contracts/queries.ts';
import { refuseUnsupported } from '#subscriptions/domain/unsupported.ts';
import { creationOf } from '#subscriptions/routes/creation-from-wire.ts';
import { subscriptionToWire } from '#subscriptions/routes/to-wire.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';
import type { SubscriptionView } from '#subscriptions/service/views.ts';
import { CancelSubscriptionResponse, GetUsageBySubscriptionResponse, SubscriptionWithInvoiceResponse } from '../contracts/subscription.ts';
import type { InvoiceService } from '../service/invoice.ts';
import type { SubscriptionUsage, SubscriptionUsageRequest } from '../service/subscription-usage.ts';
import { subscriptionUsageToWire } from './subscription-to-wire.ts';
import { invoiceToWire } from './to-wire.ts';

const tag = 'Subscriptions';

export interface BilledSubscriptionRouteDependencies {
  readonly subscriptions: SubscriptionService;
  readonly invoices: InvoiceService;
  readonly usage: (ctx: RequestContext, request: SubscriptionUsageRequest) => Promise<SubscriptionUsage>;
}

export function billedSubscriptionRoutes({ subscriptions, invoices, usage }: BilledSubscriptionRouteDependencies): Route[] {
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
      foreignKeys: { ignored: { timezone: "the customer's time zone decides where days begin" } },
      responses: { 201: SubscriptionWithInvoiceResponse },
      handler: async ({ ctx, body }) => {
        refuseUnsupported(body);
        return created(await withLatestInvoice(ctx, await subscriptions.create(ctx, creationOf(body))));
      },
    }),
    route({
      method: 'POST',
      path: '/v1/subscriptions/usage',
      operationId: 'getSubscriptionUsage',
      tag,
      summary: 'Usage of a subscription and what it costs',
      permission: 'read:Subscription',
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
      permission: 'read:Subscription',
      params: byId,
      query: SubscriptionQuery,
      responses: { 200: SubscriptionWithInvoiceResponse },
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
            : invoiceToWire(await invoices.view(ctx, last, { lines: 'explained', customer: false, subscription: false }));
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
