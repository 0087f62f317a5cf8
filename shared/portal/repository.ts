import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { SystemTransaction, TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import type { Tenant } from '#tenancy/domain.ts';
import type { PortalSession } from './domain.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    portalSessions: Table<PortalSession>;
  }
}

type Filled = 'tenantId' | 'environmentId' | 'createdBy';
export type FoundSession = PortalSession & Pick<Tenant, 'internalStatus'>;

export const portalSessionRepository = {
  insert(tx: TenantTransaction, session: Omit<PortalSession, Filled>): Promise<PortalSession> {
    return tx.insertInto('portalSessions').values(session).returningAll().executeTakeFirstOrThrow();
  },

  /** Across tenants: the token comes before its tenant is known. */
  async findByHash(tx: SystemTransaction, tokenHash: string): Promise<FoundSession | null> {
    const session = await tx
      .selectFrom('portalSessions')
      .innerJoin('tenants', 'tenants.id', 'portalSessions.tenantId')
      .selectAll('portalSessions')
      .select('tenants.internalStatus')
      .where('portalSessions.tokenHash', '=', tokenHash)
      .executeTakeFirst();
    return session ?? null;
  },

  async deleteOf(tx: TenantTransaction, customerId: string): Promise<void> {
    await tx.deleteFrom('portalSessions').where('customerId', '=', customerId).execute();
  },

  /** Deletes at most `limit` sessions that were over at `now`; those that somebody else deletes already are left to it. */
  async deleteExpired(tx: TenantTransaction, now: DateTime, limit: number): Promise<void> {
    await sql`delete from portal_sessions where id in (select id from portal_sessions where expires_at <= ${now} limit ${limit} for update skip locked)`.execute(
      tx,
    );
  },
};
