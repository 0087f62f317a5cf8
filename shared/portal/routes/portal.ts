import { CustomerResponse } from '#customers/contracts.ts';
import { fromWire } from '#kernel/wire.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { shaped } from '#platform/resource/shape.ts';
import { PortalConfigResponse, UpdatePortalCustomerRequest } from '../contracts.ts';
import type { PortalService } from '../service/portal.ts';

const tag = 'Customer Portal';
const permission = 'authenticated';

/** The customer itself, and what there is to see. All else of the portal is the modules' own. */
export const portalRoutes = (portal: PortalService): Route[] => [
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
    handler: async ({ ctx }) => ok(shaped(CustomerResponse, await portal.customer(ctx))),
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
    handler: async ({ ctx, body }) => ok(shaped(CustomerResponse, await portal.updateCustomer(ctx, fromWire(body)))),
  }),
];
