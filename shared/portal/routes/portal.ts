import * as z from 'zod';
import { GetUsageAnalyticsResponse } from '#analytics/contracts/analytics.ts';
import { usageAnalyticsReply } from '#analytics/routes/analytics.ts';
import type { AnalyticsService } from '#analytics/service/service.ts';
import { InvoiceResponse, ListInvoicesResponse } from '#billing/contracts.ts';
import { invoiceToWire } from '#billing/to-wire.ts';
import { GetDetailedCostAnalyticsResponse } from '#costs/contracts/analytics.ts';
import { costAnalyticsReply } from '#costs/routes/analytics.ts';
import type { CostAnalyticsService } from '#costs/service/analytics.ts';
import { CustomerResponse } from '#customers/contracts.ts';
import { CustomerUsageSummaryResponse, UsageSummaryOfCustomerQuery } from '#entitlements/contracts.ts';
import { usageSummaryReply } from '#entitlements/usage-summary-routes.ts';
import type { UsageSummaryService } from '#entitlements/usage-summary-service.ts';
import { listOptions } from '#kernel/pagination.ts';
import { fromWire, toWire } from '#kernel/wire.ts';
import { pageReply } from '#platform/http/page.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { ListSubscriptionsResponse, SubscriptionResponse } from '#subscriptions/contracts.ts';
import { subscriptionToWire } from '#subscriptions/to-wire.ts';
import {
  PortalAnalyticsRequest,
  PortalConfigResponse,
  PortalCostAnalyticsRequest,
  PortalPaginatedRequest,
  UpdatePortalCustomerRequest,
} from '../contracts.ts';
import type { PortalService } from '../service/portal.ts';
import { forCustomers } from './for-customers.ts';

export interface PortalRouteDependencies {
  readonly portal: PortalService;
  readonly usages: UsageSummaryService;
  readonly analytics: AnalyticsService;
  readonly costs: CostAnalyticsService;
}

const tag = 'Customer Portal';
const permission = 'authenticated';
const byId = z.object({ id: z.string() });

/** What a customer may do with a session. Usage and invoices are those of the API: the same services, asked about one customer. */
export const portalRoutes = ({ portal, usages, analytics, costs }: PortalRouteDependencies): Route[] =>
  [
    route({
      method: 'GET',
      path: '/v1/customer/portal/config',
      operationId: 'getPortalConfig',
      tag,
      summary: 'Which parts of the portal there is something to show in',
      permission,
      responses: { 200: PortalConfigResponse },
      handler: async ({ ctx }) => ok({ tabs: await portal.tabs(ctx) }),
    }),
    route({
      method: 'GET',
      path: '/v1/customer/portal/info',
      operationId: 'getPortalCustomer',
      tag,
      summary: 'The customer of the session',
      permission,
      responses: { 200: CustomerResponse },
      handler: async ({ ctx }) => ok(toWire(await portal.customer(ctx))),
    }),
    route({
      method: 'PUT',
      path: '/v1/customer/portal/info',
      operationId: 'updatePortalCustomer',
      tag,
      summary: 'Change name, e-mail, contact or address',
      permission: 'write:Customer',
      body: UpdatePortalCustomerRequest,
      responses: { 200: CustomerResponse },
      handler: async ({ ctx, body }) => ok(toWire(await portal.updateCustomer(ctx, fromWire(body)))),
    }),
    route({
      method: 'GET',
      path: '/v1/customer/portal/usage',
      operationId: 'getPortalUsage',
      tag,
      summary: 'What the customer has used of what it may use',
      permission,
      query: UsageSummaryOfCustomerQuery,
      responses: { 200: CustomerUsageSummaryResponse },
      handler: async ({ ctx, query }) => usageSummaryReply(usages, ctx, { id: (await portal.customer(ctx)).id }, query),
    }),
    route({
      method: 'POST',
      path: '/v1/customer/portal/analytics/revenue',
      operationId: 'getPortalUsageAnalytics',
      tag,
      summary: 'Usage of the customer and what it costs',
      permission,
      body: PortalAnalyticsRequest,
      responses: { 200: GetUsageAnalyticsResponse },
      handler: async ({ ctx, body }) =>
        usageAnalyticsReply(analytics, ctx, { ...body, external_customer_id: (await portal.customer(ctx)).externalId }),
    }),
    route({
      method: 'POST',
      path: '/v1/customer/portal/analytics/cost',
      operationId: 'getPortalCostAnalytics',
      tag,
      summary: 'What usage of the customer costs the seller, where the setting `customer_portal_config` shows it',
      permission,
      body: PortalCostAnalyticsRequest,
      responses: { 200: GetDetailedCostAnalyticsResponse },
      handler: async ({ ctx, body }) =>
        costAnalyticsReply(costs, ctx, { ...body, external_customer_id: (await portal.customerShownCosts(ctx)).externalId }),
    }),
    route({
      method: 'POST',
      path: '/v1/customer/portal/subscriptions',
      operationId: 'listPortalSubscriptions',
      tag,
      summary: 'Subscriptions of the customer',
      permission,
      body: PortalPaginatedRequest,
      responses: { 200: ListSubscriptionsResponse },
      handler: async ({ ctx, body }) => ok(pageReply(await portal.subscriptions(ctx, listOptions(body)), subscriptionToWire)),
    }),
    route({
      method: 'GET',
      path: '/v1/customer/portal/subscriptions/{id}',
      operationId: 'getPortalSubscription',
      tag,
      summary: 'A subscription of the customer',
      permission,
      params: byId,
      responses: { 200: SubscriptionResponse },
      handler: async ({ ctx, params }) => ok(subscriptionToWire(await portal.subscription(ctx, params.id))),
    }),
    route({
      method: 'POST',
      path: '/v1/customer/portal/invoices',
      operationId: 'listPortalInvoices',
      tag,
      summary: 'Invoices that were issued to the customer',
      permission,
      body: PortalPaginatedRequest,
      responses: { 200: ListInvoicesResponse },
      handler: async ({ ctx, body }) => ok(pageReply(await portal.invoices(ctx, listOptions(body)), invoiceToWire)),
    }),
    route({
      method: 'GET',
      path: '/v1/customer/portal/invoices/{id}',
      operationId: 'getPortalInvoice',
      tag,
      summary: 'An invoice that was issued to the customer, with how each line was calculated',
      permission,
      params: byId,
      responses: { 200: InvoiceResponse },
      handler: async ({ ctx, params }) => ok(invoiceToWire(await portal.invoice(ctx, params.id))),
    }),
  ].map(forCustomers);
