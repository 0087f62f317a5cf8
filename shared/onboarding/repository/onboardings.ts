import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { jsonb } from '#platform/postgres/types.ts';
import type { Onboarding } from '../domain/onboarding.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    customerOnboardings: Table<Onboarding>;
  }
}

export type NewOnboarding = Pick<Onboarding, 'id' | 'externalCustomerId' | 'actions' | 'startsAt' | 'createdAt'>;

export const onboardingRepository = {
  /** Those of the external ids that nobody has and for which nothing was started, or something that has not been completed since `before`. */
  async open(tx: TenantTransaction, externalIds: readonly string[], before: DateTime): Promise<string[]> {
    const { rows } = await sql<{ externalId: string }>`select asked.external_id from unnest(${externalIds}::text[]) as asked (external_id)
      left join customers on customers.external_id = asked.external_id and customers.status = 'published'
      left join customer_onboardings as started on started.external_customer_id = asked.external_id
      where (started.id is null and customers.id is null) or (started.run_status <> 'completed' and started.updated_at < ${before})`.execute(
      tx,
    );
    return rows.map(({ externalId }) => externalId);
  },

  /**
   * Claims the external ids: answers those that are this transaction's to start. Of several at once one gets an id; one that was
   * claimed and not completed can be claimed anew when it has not moved since `before`, and goes on behind the steps that are done.
   */
  async claim(tx: TenantTransaction, onboardings: readonly NewOnboarding[], before: DateTime): Promise<Onboarding[]> {
    // In one order, so that two that claim at once wait for each other and do not lock each other up.
    const inOrder = [...onboardings].sort((a, b) => (a.externalCustomerId < b.externalCustomerId ? -1 : 1));
    return tx
      .insertInto('customerOnboardings')
      .values(
        inOrder.map(({ actions, ...onboarding }) => ({
          ...onboarding,
          actions: jsonb(actions),
          stepsDone: 0,
          runStatus: 'pending' as const,
          failureReason: null,
          updatedAt: onboarding.createdAt,
        })),
      )
      .onConflict((conflict) =>
        conflict
          .columns(['tenantId', 'environmentId', 'externalCustomerId'])
          .doUpdateSet((eb) => ({
            actions: eb.ref('excluded.actions'),
            runStatus: 'pending',
            failureReason: null,
            updatedAt: eb.ref('excluded.updatedAt'),
          }))
          .where('customerOnboardings.runStatus', '<>', 'completed')
          .where('customerOnboardings.updatedAt', '<', before),
      )
      .returningAll()
      .execute();
  },

  /** Locks the row until the transaction ends. */
  lock(tx: TenantTransaction, id: string): Promise<Onboarding> {
    return tx.selectFrom('customerOnboardings').selectAll().where('id', '=', id).forUpdate().executeTakeFirstOrThrow();
  },

  async update(
    tx: TenantTransaction,
    id: string,
    change: Partial<Pick<Onboarding, 'stepsDone' | 'runStatus' | 'failureReason'>> & Pick<Onboarding, 'updatedAt'>,
  ): Promise<void> {
    await tx.updateTable('customerOnboardings').set(change).where('id', '=', id).execute();
  },
};
