import * as z from 'zod';
import { toWire } from '#kernel/wire.ts';
import { type Route, route } from '#platform/http/route.ts';
import { PortalSessionResponse } from '../contracts.ts';
import type { PortalSessionService } from '../service/sessions.ts';

/** Served under the customers' prefix. Whoever makes a session can write what it can write, so reading is not enough. */
export const portalSessionRoutes = (sessions: PortalSessionService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/customers/portal/{external_id}',
    operationId: 'createPortalSession',
    tag: 'Customers',
    summary: 'A session of the customer portal for an hour',
    permission: 'write:Customer',
    params: z.object({ external_id: z.string() }),
    responses: { 200: PortalSessionResponse },
    handler: async ({ ctx, params }) => {
      const { session, token, url } = await sessions.create(ctx, params.external_id);
      // A GET, but never the same answer twice.
      return { status: 200, headers: { 'Cache-Control': 'no-store' }, body: toWire({ url, token, expiresAt: session.expiresAt }) };
    },
  }),
];
