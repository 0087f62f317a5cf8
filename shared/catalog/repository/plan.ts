import { notFound } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { listRows } from '#platform/postgres/list.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { jsonb } from '#platform/postgres/types.ts';
import type { Plan } from '../domain/plan.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    plans: Table<Plan>;
  }
}

export type NewPlan = Omit<Plan, 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy'>;
export type PlanChange = Partial<Omit<NewPlan, 'id' | 'createdAt'>> & Partial<Pick<Plan, 'status'>> & Pick<Plan, 'updatedAt'>;
export interface PlanFilter {
  readonly planIds?: readonly string[] | null | undefined;
  readonly lookupKey?: string | null | undefined;
  /** Every pair must be there. */
  readonly metadata?: Readonly<Record<string, string>> | null | undefined;
}

const LIST_FIELDS = { name: 'string', lookup_key: 'string', description: 'string', display_order: 'number' } as const;

export const planRepository = {
  insert(tx: TenantTransaction, plan: NewPlan): Promise<Plan> {
    return tx.insertInto('plans').values(plan).returningAll().executeTakeFirstOrThrow();
  },

  /** Throws NotFound when the environment has no such plan, or it is archived. */
  async get(tx: TenantTransaction, id: string): Promise<Plan> {
    const plan = await published(tx).where('id', '=', id).executeTakeFirst();
    if (!plan) throw notFound('plan', id);
    return plan;
  },

  /** Those of the ids that exist, archived ones included: subscriptions still show the plan they were made with. */
  getMany(tx: TenantTransaction, ids: readonly string[]): Promise<Plan[]> {
    return ids.length === 0 ? Promise.resolve([]) : tx.selectFrom('plans').selectAll().where('id', 'in', ids).execute();
  },

  /** Undefined for a key that no plan has, or only an archived one. */
  findByLookupKey(tx: TenantTransaction, lookupKey: string): Promise<Plan | undefined> {
    return published(tx).where('lookupKey', '=', lookupKey).executeTakeFirst();
  },

  /** Locks the row until the transaction ends: whoever changes the plan's prices holds this lock. */
  async lock(tx: TenantTransaction, id: string): Promise<Plan> {
    const plan = await published(tx).where('id', '=', id).forUpdate().executeTakeFirst();
    if (!plan) throw notFound('plan', id);
    return plan;
  },

  /** Keeps the row from being changed or archived until the transaction ends; others may hold it like this at the same time. */
  async share(tx: TenantTransaction, id: string): Promise<Plan> {
    const plan = await published(tx).where('id', '=', id).forShare().executeTakeFirst();
    if (!plan) throw notFound('plan', id);
    return plan;
  },

  /** The lock alone, also of an archived plan: its prices can still be ended. */
  async hold(tx: TenantTransaction, id: string): Promise<void> {
    await tx.selectFrom('plans').select('id').where('id', '=', id).forUpdate().execute();
  },

  update(tx: TenantTransaction, id: string, change: PlanChange, actorId: string): Promise<Plan> {
    return tx
      .updateTable('plans')
      .set({ ...change, updatedBy: actorId })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  },

  list(tx: TenantTransaction, filter: PlanFilter, options: ListOptions): Promise<Page<Plan>> {
    let query = tx.selectFrom('plans').selectAll();
    if (filter.planIds?.length) query = query.where('id', 'in', filter.planIds);
    if (filter.lookupKey) query = query.where('lookupKey', '=', filter.lookupKey);
    if (filter.metadata) query = query.where('metadata', '@>', jsonb(filter.metadata));
    return listRows<Plan>(query, { ...options, status: options.status ?? 'published' }, LIST_FIELDS, 'plans');
  },
};

function published(tx: TenantTransaction) {
  return tx.selectFrom('plans').selectAll().where('status', '=', 'published');
}
