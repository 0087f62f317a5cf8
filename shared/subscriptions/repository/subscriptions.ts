import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { SystemTransaction, TenantTransaction } from '#platform/postgres/database.ts';
import { inParts } from '#platform/postgres/in-parts.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { jsonb } from '#platform/postgres/types.ts';
import { type New, resourceTable } from '#platform/resource/table.ts';
import type { SubscriptionLineItem } from '../domain/line-item.ts';
import { SUBSCRIPTION_STATES, UNENDED } from '../domain/states.ts';
import { BILLED_TYPES, type Subscription } from '../domain/subscription.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    subscriptions: Table<Subscription>;
    subscriptionLineItems: Table<SubscriptionLineItem>;
  }
}

export type NewSubscription = New<Subscription>;
export type NewLineItem = New<SubscriptionLineItem>;
export type SubscriptionChange = Partial<
  Pick<
    Subscription,
    | 'subscriptionStatus'
    | 'subscriptionType'
    | 'currentPeriodStart'
    | 'currentPeriodEnd'
    | 'endDate'
    | 'cancelAt'
    | 'cancelAtPeriodEnd'
    | 'cancelledAt'
    | 'cancellationReason'
  >
> &
  Pick<Subscription, 'updatedAt'>;

/** Which subscriptions the product itself asks for. */
export interface SubscriptionFilter {
  readonly subscriptionIds?: readonly string[] | null;
  readonly customerIds?: readonly string[] | null;
  readonly subscriptionStatus?: readonly Subscription['subscriptionStatus'][];
  readonly subscriptionType?: readonly Subscription['subscriptionType'][];
  /** Running at this moment: begun and not ended. */
  readonly activeAt?: DateTime;
}

/** Where the sweep goes on: after this subscription, in the order of period end and id. `time` is RFC 3339. */
export interface DueCursor {
  readonly time: string;
  readonly id: string;
}
export type DueSubscription = Pick<Subscription, 'id' | 'tenantId' | 'environmentId' | 'currentPeriodEnd'>;

const table = resourceTable('subscriptions', { entity: 'subscription' });

/** Whoever changes a subscription or its periods holds its lock. */
export interface SubscriptionWithRhythm extends Subscription {
  readonly hasOtherPeriods: boolean;
}

function found(tx: TenantTransaction, filter: SubscriptionFilter, most: number) {
  const { subscriptionIds, customerIds, subscriptionStatus, subscriptionType, activeAt } = filter;
  let query = table.visible(tx);
  if (subscriptionIds) query = query.where('id', '=', sql<string>`any(${subscriptionIds}::text[])`);
  if (customerIds) query = query.where('customerId', '=', sql<string>`any(${customerIds}::text[])`);
  if (subscriptionStatus) query = query.where('subscriptionStatus', 'in', subscriptionStatus);
  if (subscriptionType) query = query.where('subscriptionType', 'in', subscriptionType);
  if (activeAt)
    query = query.where('startDate', '<=', activeAt).where((eb) => eb.or([eb('endDate', 'is', null), eb('endDate', '>', activeAt)]));
  return query.orderBy('createdAt').orderBy('id').limit(most);
}

export const subscriptionRepository = {
  get: table.get,
  getMany: table.getMany,
  lock: table.lock,
  insert: table.insert,
  insertMany: table.insertMany,
  list: table.list,

  /** Changes the version that was read and raises it. Throws `version_conflict` when somebody was faster. */
  update: (tx: TenantTransaction, read: Pick<Subscription, 'id' | 'version'>, change: SubscriptionChange): Promise<Subscription> =>
    table.updateVersion(tx, read, change),

  insertItems(tx: TenantTransaction, items: readonly NewLineItem[]): Promise<SubscriptionLineItem[]> {
    const rows = items.map((item) => ({ ...item, commitmentTimeBuckets: jsonb(item.commitmentTimeBuckets) }));
    return inParts(rows, (part) => tx.insertInto('subscriptionLineItems').values(part).returningAll().execute());
  },

  /** All line items of subscriptions, ended ones included, in the order in which they were made. */
  itemsOf(tx: TenantTransaction, subscriptionIds: readonly string[]): Promise<SubscriptionLineItem[]> {
    if (subscriptionIds.length === 0) return Promise.resolve([]);
    return tx
      .selectFrom('subscriptionLineItems')
      .selectAll()
      .where('status', '=', 'published')
      .where('subscriptionId', 'in', subscriptionIds)
      .orderBy('id')
      .execute();
  },

  /** Ends the line items that would outlive `end`; none ends before it begins. */
  async endItems(tx: TenantTransaction, subscriptionId: string, end: DateTime, updatedAt: DateTime, actorId: string): Promise<void> {
    await tx
      .updateTable('subscriptionLineItems')
      .set({ endDate: sql`greatest(start_date, ${end}::timestamptz)`, updatedAt, updatedBy: actorId })
      .where('subscriptionId', '=', subscriptionId)
      .where('status', '=', 'published')
      .where((eb) => eb.or([eb('endDate', 'is', null), eb('endDate', '>', end)]))
      .execute();
  },

  /** Oldest first, `most` at most. */
  find: (tx: TenantTransaction, filter: SubscriptionFilter, most: number): Promise<Subscription[]> => found(tx, filter, most).execute(),

  /** The same, each with whether usage lines of it have other periods than it has: for nearly all nobody has to look at the lines. */
  findWithRhythm: (tx: TenantTransaction, filter: SubscriptionFilter, most: number): Promise<SubscriptionWithRhythm[]> =>
    found(tx, filter, most)
      .select(
        sql<boolean>`exists (
          select from subscription_line_items as item
          where item.tenant_id = subscriptions.tenant_id and item.environment_id = subscriptions.environment_id
            and item.subscription_id = subscriptions.id and item.status = 'published' and item.price_type = 'USAGE'
            and (item.billing_period, item.billing_period_count) <> (subscriptions.billing_period, subscriptions.billing_period_count)
        )`.as('hasOtherPeriods'),
      )
      .execute(),

  /** Subscriptions that are inherited from these, ended ones included, in the order in which they were made. */
  inheritedFrom(tx: TenantTransaction, parentIds: readonly string[]): Promise<Subscription[]> {
    return parentIds.length === 0
      ? Promise.resolve([])
      : table.visible(tx).where('parentSubscriptionId', 'in', parentIds).orderBy('id').execute();
  },

  /** Running subscriptions of the customers that are part of a hierarchy. */
  relatedOf(tx: TenantTransaction, customerIds: readonly string[]): Promise<Subscription[]> {
    return table
      .visible(tx)
      .where('customerId', 'in', customerIds)
      .where('subscriptionType', '!=', 'standalone')
      .where('subscriptionStatus', 'in', UNENDED)
      .execute();
  },

  /** Gives those that inherit a subscription its state and its periods. The caller holds the parent's lock, which guards them, too. Answers what has changed. */
  follow(tx: TenantTransaction, parent: Subscription, actorId: string): Promise<Subscription[]> {
    const {
      subscriptionStatus,
      currentPeriodStart,
      currentPeriodEnd,
      endDate,
      cancelAt,
      cancelAtPeriodEnd,
      cancelledAt,
      cancellationReason,
      updatedAt,
    } = parent;
    return tx
      .updateTable('subscriptions')
      .set({
        subscriptionStatus,
        currentPeriodStart,
        currentPeriodEnd,
        endDate: endDate === null ? null : sql`greatest(start_date, ${endDate}::timestamptz)`,
        cancelAt,
        cancelAtPeriodEnd,
        cancelledAt,
        cancellationReason,
        updatedAt,
        updatedBy: actorId,
        version: sql`version + 1`,
      })
      .where('parentSubscriptionId', '=', parent.id)
      .where('status', '=', 'published')
      .where('subscriptionStatus', 'in', UNENDED)
      .returningAll()
      .execute();
  },

  async isPlanInUse(tx: TenantTransaction, planId: string): Promise<boolean> {
    return (await table.visible(tx).where('planId', '=', planId).where('subscriptionStatus', 'in', UNENDED).limit(1).execute()).length > 0;
  },

  /** Whether a subscription that has not ended is billed by the meter, now or for a part of its open period. */
  async isMeterBilled(tx: TenantTransaction, meterId: string): Promise<boolean> {
    const row = await tx
      .selectFrom('subscriptionLineItems as line')
      .innerJoin('subscriptions as subscription', 'subscription.id', 'line.subscriptionId')
      .select('line.id')
      .where('line.meterId', '=', meterId)
      .where('subscription.status', '=', 'published')
      .where('subscription.subscriptionStatus', 'in', UNENDED)
      .where((eb) => eb.or([eb('line.endDate', 'is', null), eb('line.endDate', '>', eb.ref('subscription.currentPeriodStart'))]))
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  },

  /** The subscriptions that the customer inherits or has inherited. */
  async parentsOf(tx: TenantTransaction, customerId: string): Promise<string[]> {
    const rows = await tx
      .selectFrom('subscriptions')
      .select('parentSubscriptionId')
      .distinct()
      .where('customerId', '=', customerId)
      .where('parentSubscriptionId', 'is not', null)
      .execute();
    return rows.flatMap(({ parentSubscriptionId }) => parentSubscriptionId ?? []);
  },

  async hasRunning(tx: TenantTransaction, customerId: string): Promise<boolean> {
    return (
      (await table.visible(tx).where('customerId', '=', customerId).where('subscriptionStatus', 'in', UNENDED).limit(1).execute()).length >
      0
    );
  },

  /**
   * Active subscriptions of all tenants whose period has closed at `now`, oldest first; those that are inherited follow their parents.
   * Those whose periods a run is closing are left out: another run would only wait for it. Keyset pages: none is skipped when rows leave the set while the sweep runs (billing.md section 12, rule 22).
   */
  due(tx: SystemTransaction, now: DateTime, after: DueCursor | null, limit: number): Promise<DueSubscription[]> {
    let query = tx
      .selectFrom('subscriptions')
      .select(['subscriptions.id', 'subscriptions.tenantId', 'subscriptions.environmentId', 'subscriptions.currentPeriodEnd'])
      .where('status', '=', 'published')
      .where('subscriptionStatus', 'in', SUBSCRIPTION_STATES.from('close'))
      .where('subscriptionType', 'in', BILLED_TYPES)
      .where('currentPeriodEnd', '<=', now)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('billingCyclesInHand')
              .select(sql`1`.as('one'))
              .whereRef('billingCyclesInHand.subscriptionId', '=', 'subscriptions.id')
              .where('billingCyclesInHand.until', '>', now),
          ),
        ),
      );
    if (after !== null) query = query.where(sql<boolean>`(current_period_end, id) > (${after.time}::timestamptz, ${after.id})`);
    return query.orderBy('currentPeriodEnd').orderBy('id').limit(limit).execute();
  },
};
