import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import { DomainError, notFound } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { SystemTransaction, TenantTransaction } from '#platform/postgres/database.ts';
import { listRows } from '#platform/postgres/list.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { jsonb } from '#platform/postgres/types.ts';
import type { SubscriptionLineItem } from './domain/line-item.ts';
import { BILLED_TYPES, type Subscription } from './domain/subscription.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    subscriptions: Table<Subscription>;
    subscriptionLineItems: Table<SubscriptionLineItem>;
  }
}

type Filled = 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy';
export type NewSubscription = Omit<Subscription, Filled>;
export type NewLineItem = Omit<SubscriptionLineItem, Filled>;
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

type Maybe<T> = T | null | undefined;
export interface SubscriptionFilter {
  readonly subscriptionIds?: Maybe<readonly string[]>;
  readonly customerIds?: Maybe<readonly string[]>;
  readonly planId?: Maybe<string>;
  readonly subscriptionStatus?: Maybe<readonly string[]>;
  readonly subscriptionType?: Maybe<readonly string[]>;
  readonly parentSubscriptionIds?: Maybe<readonly string[]>;
  readonly billingPeriod?: Maybe<readonly string[]>;
  readonly billingCadence?: Maybe<readonly string[]>;
  /** Running at this moment: begun and not ended. */
  readonly activeAt?: Maybe<DateTime>;
}

/** Where the sweep goes on: after this subscription, in the order of period end and id. `time` is RFC 3339. */
export interface DueCursor {
  readonly time: string;
  readonly id: string;
}
export type DueSubscription = Pick<Subscription, 'id' | 'tenantId' | 'environmentId' | 'currentPeriodEnd'>;

const LIST_FIELDS = {
  customer_id: 'string',
  plan_id: 'string',
  lookup_key: 'string',
  subscription_status: 'string',
  subscription_type: 'string',
  parent_subscription_id: 'string',
  currency: 'string',
  billing_cycle: 'string',
  billing_period: 'string',
  start_date: 'date',
  end_date: 'date',
  current_period_start: 'date',
  current_period_end: 'date',
  cancel_at: 'date',
  cancelled_at: 'date',
  billing_anchor: 'date',
  version: 'number',
} as const;

export const subscriptionRepository = {
  insert(tx: TenantTransaction, subscription: NewSubscription): Promise<Subscription> {
    return tx.insertInto('subscriptions').values(subscription).returningAll().executeTakeFirstOrThrow();
  },

  insertMany(tx: TenantTransaction, subscriptions: readonly NewSubscription[]): Promise<Subscription[]> {
    return subscriptions.length === 0 ? Promise.resolve([]) : tx.insertInto('subscriptions').values(subscriptions).returningAll().execute();
  },

  insertItems(tx: TenantTransaction, items: readonly NewLineItem[]): Promise<SubscriptionLineItem[]> {
    return tx
      .insertInto('subscriptionLineItems')
      .values(items.map((item) => ({ ...item, commitmentTimeBuckets: jsonb(item.commitmentTimeBuckets) })))
      .returningAll()
      .execute();
  },

  /** Throws NotFound. */
  async get(tx: TenantTransaction, id: string): Promise<Subscription> {
    const subscription = await published(tx).where('id', '=', id).executeTakeFirst();
    if (!subscription) throw notFound('subscription', id);
    return subscription;
  },

  getMany(tx: TenantTransaction, ids: readonly string[]): Promise<Subscription[]> {
    return ids.length === 0 ? Promise.resolve([]) : published(tx).where('id', 'in', ids).execute();
  },

  /** Locks the row until the transaction ends: whoever changes a subscription or its periods holds this lock. */
  async lock(tx: TenantTransaction, id: string): Promise<Subscription> {
    const subscription = await published(tx).where('id', '=', id).forUpdate().executeTakeFirst();
    if (!subscription) throw notFound('subscription', id);
    return subscription;
  },

  /** Changes the version that was read and raises it. Throws `version_conflict` when somebody was faster. */
  async update(
    tx: TenantTransaction,
    read: Pick<Subscription, 'id' | 'version'>,
    change: SubscriptionChange,
    actorId: string,
  ): Promise<Subscription> {
    const updated = await tx
      .updateTable('subscriptions')
      .set({ ...change, updatedBy: actorId, version: read.version + 1 })
      .where('id', '=', read.id)
      .where('version', '=', read.version)
      .returningAll()
      .executeTakeFirst();
    if (!updated)
      throw new DomainError('version_conflict', 'the subscription was changed meanwhile, read it again', {
        id: read.id,
        version: read.version,
      });
    return updated;
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

  list(tx: TenantTransaction, filter: SubscriptionFilter, options: ListOptions): Promise<Page<Subscription>> {
    const { activeAt } = filter;
    let query = tx.selectFrom('subscriptions').selectAll();
    if (filter.subscriptionIds?.length) query = query.where('id', 'in', filter.subscriptionIds);
    if (filter.customerIds) query = query.where('customerId', 'in', filter.customerIds.length > 0 ? filter.customerIds : ['']);
    if (filter.planId) query = query.where('planId', '=', filter.planId);
    if (filter.subscriptionStatus?.length)
      query = query.where('subscriptionStatus', 'in', filter.subscriptionStatus as Subscription['subscriptionStatus'][]);
    if (filter.subscriptionType?.length)
      query = query.where('subscriptionType', 'in', filter.subscriptionType as Subscription['subscriptionType'][]);
    if (filter.parentSubscriptionIds?.length) query = query.where('parentSubscriptionId', 'in', filter.parentSubscriptionIds);
    if (filter.billingPeriod?.length) query = query.where('billingPeriod', 'in', filter.billingPeriod as Subscription['billingPeriod'][]);
    if (filter.billingCadence?.length)
      query = query.where('billingCadence', 'in', filter.billingCadence as Subscription['billingCadence'][]);
    if (activeAt)
      query = query.where('startDate', '<=', activeAt).where((eb) => eb.or([eb('endDate', 'is', null), eb('endDate', '>', activeAt)]));
    return listRows<Subscription>(query, { ...options, status: options.status ?? 'published' }, LIST_FIELDS, 'subscriptions');
  },

  /** Subscriptions that are inherited from these, ended ones included, in the order in which they were made. */
  inheritedFrom(tx: TenantTransaction, parentIds: readonly string[]): Promise<Subscription[]> {
    return parentIds.length === 0
      ? Promise.resolve([])
      : published(tx).where('parentSubscriptionId', 'in', parentIds).orderBy('id').execute();
  },

  /** Running subscriptions of the customers that are part of a hierarchy. */
  relatedOf(tx: TenantTransaction, customerIds: readonly string[]): Promise<Subscription[]> {
    return published(tx)
      .where('customerId', 'in', customerIds)
      .where('subscriptionType', '!=', 'standalone')
      .where('subscriptionStatus', '!=', 'cancelled')
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
      .where('subscriptionStatus', '!=', 'cancelled')
      .returningAll()
      .execute();
  },

  async isPlanInUse(tx: TenantTransaction, planId: string): Promise<boolean> {
    return (await published(tx).where('planId', '=', planId).where('subscriptionStatus', '!=', 'cancelled').limit(1).execute()).length > 0;
  },

  async hasRunning(tx: TenantTransaction, customerId: string): Promise<boolean> {
    return (
      (await published(tx).where('customerId', '=', customerId).where('subscriptionStatus', '!=', 'cancelled').limit(1).execute()).length >
      0
    );
  },

  /**
   * Active subscriptions of all tenants whose period has closed at `now`, oldest first; those that are inherited follow their parents.
   * Keyset pages: none is skipped when rows leave the set while the sweep runs (billing.md section 12, rule 22).
   */
  due(tx: SystemTransaction, now: DateTime, after: DueCursor | null, limit: number): Promise<DueSubscription[]> {
    let query = tx
      .selectFrom('subscriptions')
      .select(['id', 'tenantId', 'environmentId', 'currentPeriodEnd'])
      .where('status', '=', 'published')
      .where('subscriptionStatus', '=', 'active')
      .where('subscriptionType', 'in', BILLED_TYPES)
      .where('currentPeriodEnd', '<=', now);
    if (after !== null) query = query.where(sql<boolean>`(current_period_end, id) > (${after.time}::timestamptz, ${after.id})`);
    return query.orderBy('currentPeriodEnd').orderBy('id').limit(limit).execute();
  },
};

function published(tx: TenantTransaction) {
  return tx.selectFrom('subscriptions').selectAll().where('status', '=', 'published');
}
