import type { CustomerService } from '#customers/service.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { newId } from '#kernel/ids.ts';
import { hashKey } from '#access/domain/key-hash.ts';
import type { SessionStore } from '#access/domain/principal.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { publish } from '#platform/resource/publish.ts';
import { generateToken, type PortalSession, portalUrl, SESSION_LIFETIME } from '../domain.ts';
import { portalSessionEvents } from '../events.ts';
import { portalSessionRepository } from '../repository.ts';

export interface PortalSessionDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly customers: Pick<CustomerService, 'getHeld'>;
  /** Address of the portal, in which `{token}` stands for a session's token. */
  readonly url: string | undefined;
}
export type PortalSessionService = ReturnType<typeof createPortalSessionService>;

/** How many sessions that are over go with each new one: more than are made, so that none stay. */
const DELETED_WITH_EACH = 100;

/** Sessions of the customer portal: made by the tenant, carried by its customer (docs/adr/0018). */
export function createPortalSessionService({ database, clock, customers, url }: PortalSessionDependencies) {
  return {
    /** The token is in the answer, and nowhere else ever again. Throws NotFound for an unknown customer. */
    create: (ctx: RequestContext, externalId: string): Promise<{ session: PortalSession; token: string; url: string }> =>
      database.withTenant(ctx, async (tx) => {
        // Held, so that a customer which is deleted meanwhile leaves no session behind.
        const customer = await customers.getHeld(tx, { externalId });
        const now = clock.now();
        await portalSessionRepository.deleteExpired(tx, now, DELETED_WITH_EACH);
        const token = generateToken();
        const session = await portalSessionRepository.insert(tx, {
          id: newId('psess', clock),
          customerId: customer.id,
          tokenHash: hashKey(token),
          expiresAt: now.plus(SESSION_LIFETIME),
          createdAt: now,
        });
        await publish(tx, clock, portalSessionEvents.created, session);
        return { session, token, url: portalUrl(url, token) };
      }),

    /** For whoever deletes the customer, in its transaction. */
    endAllOf: (tx: TenantTransaction, customerId: string): Promise<void> => portalSessionRepository.deleteOf(tx, customerId),

    /** Nothing is remembered between requests: a session that was ended opens nothing any more, in no process. */
    findByTokenHash: (async (hash) => {
      const session = await database.asSystem('portal session look-up', (tx) => portalSessionRepository.findByHash(tx, hash));
      return (
        session && {
          tenantId: session.tenantId,
          environmentId: session.environmentId,
          actorId: session.customerId,
          actorType: 'customer',
          roles: [],
          tenantSuspended: session.internalStatus === 'suspended',
          expiresAtMs: session.expiresAt.toMillis(),
        }
      );
    }) satisfies SessionStore['findByTokenHash'],
  };
}
