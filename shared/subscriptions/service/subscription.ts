import type { DateTime } from 'luxon';
import type { Price } from '#catalog/domain/price.ts';
import type { Plan } from '#catalog/domain/plan.ts';
import type { Customer } from '#customers/domain.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { unavailable } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { inheritedSpan } from '../domain/inheritance.ts';
import type { SubscriptionLineItem } from '../domain/line-item.ts';
import { currentPeriod } from '../domain/periods.ts';
import type { Subscription } from '../domain/subscription.ts';
import { type DueCursor, type DueSubscription, type SubscriptionFilter, subscriptionRepository } from '../repository.ts';
import { type Cancellation, type Cancelled, cancelWithin } from './cancel.ts';
import { type CreateSubscription, writeSubscription } from './create.ts';
import type { SubscriptionDependencies } from './dependencies.ts';
import { inheritorsOf, inheritRunning, writeInherited } from './inherit.ts';
import { closePeriod } from './periods.ts';
import { publishSubscription } from './publish.ts';

export type SubscriptionService = ReturnType<typeof createSubscriptionService>;

/** A subscription as it is shown; a part is null where it was not asked for or is gone. */
export interface SubscriptionView {
  readonly subscription: Subscription;
  readonly items: readonly { readonly item: SubscriptionLineItem; readonly price: Price | null }[] | null;
  readonly customer: Customer | null;
  readonly plan: Plan | null;
}
export interface SubscriptionExpansion {
  readonly items: boolean;
  readonly prices: boolean;
  readonly customer: boolean;
  readonly plan: boolean;
}
const RUNNING = ['active', 'trialing'] as const;
const OLDEST_FIRST: ListOptions = {
  limit: 1000,
  offset: 0,
  status: null,
  sort: [{ field: 'created_at', direction: 'asc' }],
  startTime: null,
  endTime: null,
  filters: [],
};
export const WHOLE: SubscriptionExpansion = { items: true, prices: true, customer: true, plan: true };

/** A subscription with what its invoices are computed from; `inherited` says whose usage they hold besides its own customer's. */
export interface BillableSubscription {
  readonly subscription: Subscription;
  readonly items: readonly SubscriptionLineItem[];
  readonly customer: Customer;
  readonly inherited: readonly CustomerSpan[];
}

/** Use cases of subscriptions. Every change locks the row and writes its system event in the same transaction. */
export function createSubscriptionService(dependencies: SubscriptionDependencies) {
  const { database, clock, customers, plans, prices, invoicing } = dependencies;

  /** One query per kind of part, whatever the number of subscriptions. */
  const views = async (
    tx: TenantTransaction,
    ctx: RequestContext,
    subscriptions: readonly Subscription[],
    expand: SubscriptionExpansion,
  ): Promise<SubscriptionView[]> => {
    const inside = { ...ctx, transaction: tx };
    const items = expand.items
      ? await subscriptionRepository.itemsOf(
          tx,
          subscriptions.map(({ id }) => id),
        )
      : [];
    const byId = <T extends { readonly id: string }>(found: readonly T[]) => new Map(found.map((entity) => [entity.id, entity]));
    const pricesById = byId(expand.prices ? await prices.getMany(inside, [...new Set(items.map(({ priceId }) => priceId))]) : []);
    const plansById = byId(expand.plan ? await plans.getMany(inside, [...new Set(subscriptions.map(({ planId }) => planId))]) : []);
    const customersById = byId(
      expand.customer ? await customers.getMany(inside, [...new Set(subscriptions.map(({ customerId }) => customerId))]) : [],
    );
    const grouped = Map.groupBy(items, ({ subscriptionId }) => subscriptionId);
    return subscriptions.map((subscription) => ({
      subscription,
      items: expand.items
        ? (grouped.get(subscription.id) ?? []).map((item) => ({ item, price: pricesById.get(item.priceId) ?? null }))
        : null,
      customer: customersById.get(subscription.customerId) ?? null,
      plan: plansById.get(subscription.planId) ?? null,
    }));
  };

  const inheritedOf = async (
    tx: TenantTransaction,
    ctx: RequestContext,
    subscriptions: readonly Subscription[],
  ): Promise<Map<string, CustomerSpan[]>> => {
    const inherited = await subscriptionRepository.inheritedFrom(
      tx,
      subscriptions.filter(({ subscriptionType }) => subscriptionType === 'parent').map(({ id }) => id),
    );
    const names = new Map(
      (await customers.getMany({ ...ctx, transaction: tx }, [...new Set(inherited.map(({ customerId }) => customerId))])).map(
        ({ id, externalId }) => [id, externalId],
      ),
    );
    const spans = Map.groupBy(inherited, ({ parentSubscriptionId }) => parentSubscriptionId ?? '');
    return new Map(
      [...spans].map(([parentId, own]) => [
        parentId,
        own.map((each) => ({ externalCustomerId: names.get(each.customerId) ?? '', ...inheritedSpan(each) })),
      ]),
    );
  };

  return {
    /** The subscription, its line items, its opening invoice and what others inherit of it are one transaction. */
    create: (ctx: RequestContext, request: CreateSubscription): Promise<SubscriptionView> =>
      database.withTenant(ctx, async (tx) => {
        const inheritors = await inheritorsOf(tx, dependencies, request);
        const { parentSubscriptionId } = request;
        const subscription = await (parentSubscriptionId === null
          ? writeSubscription(tx, ctx, dependencies, request)
          : inheritRunning(tx, ctx, dependencies, request, parentSubscriptionId));
        const inherited = await writeInherited(tx, dependencies, subscription, inheritors);
        for (const made of [subscription, ...inherited]) await publishSubscription(tx, clock, 'created', made);
        if (subscription.subscriptionType !== 'inherited') await invoicing.open(tx, ctx, subscription);
        return (await views(tx, ctx, [subscription], WHOLE))[0] as SubscriptionView;
      }),

    get: (ctx: RequestContext, id: string): Promise<Subscription> => database.withTenant(ctx, (tx) => subscriptionRepository.get(tx, id)),

    /** Those of the ids that exist. */
    getMany: (ctx: RequestContext, ids: readonly string[]): Promise<Subscription[]> =>
      database.withTenant(ctx, (tx) => subscriptionRepository.getMany(tx, ids)),

    view: (ctx: RequestContext, id: string, expand: SubscriptionExpansion = WHOLE): Promise<SubscriptionView> =>
      database.withTenant(
        ctx,
        async (tx) => (await views(tx, ctx, [await subscriptionRepository.get(tx, id)], expand))[0] as SubscriptionView,
      ),

    /** `externalCustomerId` of nobody finds nothing. */
    list: (
      ctx: RequestContext,
      { externalCustomerId, ...filter }: SubscriptionFilter & { readonly externalCustomerId?: string | null | undefined },
      options: ListOptions,
      expand: SubscriptionExpansion,
    ): Promise<Page<SubscriptionView>> =>
      database.withTenant(ctx, async (tx) => {
        const named = externalCustomerId
          ? (await customers.findByExternalIds({ ...ctx, transaction: tx }, [externalCustomerId])).map(({ id }) => id)
          : null;
        const customerIds =
          named === null ? filter.customerIds : named.filter((id) => !filter.customerIds?.length || filter.customerIds.includes(id));
        const page = await subscriptionRepository.list(tx, { ...filter, customerIds }, options);
        return { ...page, items: await views(tx, ctx, page.items, expand) };
      }),

    /**
     * The open billing period of a customer, and the time zone that it is billed in: of the oldest running subscription that bills
     * the meter, else of the oldest running one. Null where none runs.
     */
    openPeriod: (
      ctx: RequestContext,
      externalCustomerId: string,
      meterId: string | null,
    ): Promise<{ readonly period: Period; readonly timezone: string } | null> =>
      database.withTenant(ctx, async (tx) => {
        const customerIds = (await customers.findByExternalIds({ ...ctx, transaction: tx }, [externalCustomerId])).map(({ id }) => id);
        const { items: running } = await subscriptionRepository.list(
          tx,
          { customerIds, subscriptionStatus: RUNNING, activeAt: clock.now() },
          OLDEST_FIRST,
        );
        const items =
          meterId === null
            ? []
            : await subscriptionRepository.itemsOf(
                tx,
                running.map(({ id }) => id),
              );
        const billing = new Set(items.filter((item) => item.meterId === meterId).map((item) => item.subscriptionId));
        const subscription = running.find(({ id }) => billing.has(id)) ?? running[0];
        return subscription === undefined ? null : { period: currentPeriod(subscription), timezone: subscription.timezone };
      }),

    /** Cancels, and computes what is owed once that is committed: usage is read without holding the lock. */
    async cancel(ctx: RequestContext, id: string, request: Cancellation): Promise<Cancelled> {
      const cancelled = await database.withTenant(ctx, (tx) => cancelWithin(tx, ctx, dependencies, id, request));
      for (const invoiceId of cancelled.invoiceIds) await invoicing.settle(ctx, invoiceId);
      return cancelled;
    },

    /**
     * Closes the oldest period that is over, in a transaction of its own; answers its draft, or null when none is over.
     * Throws `service_unavailable` when somebody found the period up to `due` to be over, and it is not by this process's clock.
     */
    closePeriod: (ctx: RequestContext, id: string, due: DateTime | null = null): Promise<{ readonly invoiceId: string } | null> =>
      database.withTenant(ctx, async (tx) => {
        const locked = await subscriptionRepository.lock(tx, id);
        const closed = await closePeriod(tx, ctx, dependencies, locked);
        if (
          closed === null &&
          due !== null &&
          locked.subscriptionStatus === 'active' &&
          locked.subscriptionType !== 'inherited' &&
          locked.currentPeriodEnd <= due
        ) {
          throw unavailable('clock', new Error(`the period of subscription ${id} is not over by the clock of this process`));
        }
        return closed;
      }),

    /** What an invoice of the subscription is computed from. */
    billable: (ctx: RequestContext, id: string): Promise<BillableSubscription> =>
      database.withTenant(ctx, async (tx) => {
        const subscription = await subscriptionRepository.get(tx, id);
        const [customer] = await customers.getMany({ ...ctx, transaction: tx }, [subscription.customerId]);
        if (!customer) throw new Error(`subscription ${id} has no customer`);
        return {
          subscription,
          items: await subscriptionRepository.itemsOf(tx, [id]),
          customer,
          inherited: (await inheritedOf(tx, ctx, [subscription])).get(id) ?? [],
        };
      }),

    /** Whose usage the subscriptions are billed for besides their own customers', each within its time; by subscription. */
    inheritedOf: (ctx: RequestContext, parents: readonly Subscription[]): Promise<ReadonlyMap<string, readonly CustomerSpan[]>> =>
      database.withTenant(ctx, (tx) => inheritedOf(tx, ctx, parents)),

    /** One page of due subscriptions of all tenants, for the sweep. */
    due: (after: DueCursor | null, limit: number): Promise<DueSubscription[]> =>
      database.asSystem('billing sweep', (tx) => subscriptionRepository.due(tx, clock.now(), after, limit)),

    /** Whether a subscription that still runs was made with the plan. */
    isPlanInUse: (tx: TenantTransaction, planId: string): Promise<boolean> => subscriptionRepository.isPlanInUse(tx, planId),

    /** Whether the customer has a subscription that still runs. */
    hasRunning: (tx: TenantTransaction, customerId: string): Promise<boolean> => subscriptionRepository.hasRunning(tx, customerId),
  };
}
