import type { DateTime } from 'luxon';
import type { Customer } from '#customers/domain.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { unavailable } from '#kernel/errors.ts';
import type { Page } from '#kernel/pagination.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { type ListRequest, narrowed } from '#platform/resource/listing.ts';
import { publish } from '#platform/resource/publish.ts';
import { inheritedSpan } from '../domain/inheritance.ts';
import type { SubscriptionLineItem } from '../domain/line-item.ts';
import { currentPeriod } from '../domain/periods.ts';
import { SUBSCRIPTION_STATES } from '../domain/states.ts';
import { cyclesInHand } from '../repository/cycles-in-hand.ts';
import { shownSubscription, type Subscription } from '../domain/subscription.ts';
import { subscriptionEvents } from '../events.ts';
import { type DueCursor, type DueSubscription, type SubscriptionFilter, subscriptionRepository } from '../repository/subscriptions.ts';
import { type Cancellation, type Cancelled, cancelWithin } from './cancel.ts';
import { type CreateSubscription, writeSubscription } from './create.ts';
import type { SubscriptionDependencies } from './dependencies.ts';
import { inheritorsOf, inheritRunning, writeInherited } from './inherit.ts';
import { closePeriod } from './periods.ts';
import { type SubscriptionExpansion, type SubscriptionView, viewsOf, WHOLE } from './views.ts';

/** For so long a run that has closed a period is believed to live: it closes the next one, or ends. */
const IN_HAND = { minutes: 5 };

export type SubscriptionService = ReturnType<typeof createSubscriptionService>;

const RUNNING = ['active', 'trialing'] as const;
/** Running subscriptions of one customer that are looked at. */
const MOST_OF_A_CUSTOMER = 1000;

/** A subscription with what its invoices are computed from; `inherited` says whose usage they hold besides its own customer's. */
export interface BillableSubscription {
  readonly subscription: Subscription;
  readonly items: readonly SubscriptionLineItem[];
  readonly customer: Customer;
  readonly inherited: readonly CustomerSpan[];
}

/** Use cases of subscriptions. Every change locks the row and writes its system event in the same transaction. */
export function createSubscriptionService(dependencies: SubscriptionDependencies) {
  const { database, clock, customers, invoicing, logger } = dependencies;

  const views = (
    tx: TenantTransaction,
    ctx: RequestContext,
    subscriptions: readonly Subscription[],
    expand: SubscriptionExpansion,
  ): Promise<SubscriptionView[]> => viewsOf(dependencies, tx, ctx, subscriptions, expand);

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

  /** A run that fails has the subscription in hand no longer: the next sweep may start it again, under the same id. */
  const releasing = async <T>(ctx: RequestContext, id: string, work: (tx: TenantTransaction) => Promise<T>): Promise<T> => {
    try {
      return await database.withTenant(ctx, work);
    } catch (error) {
      await database.withTenant(ctx, (tx) => cyclesInHand.release(tx, id)).catch(() => undefined);
      throw error;
    }
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
        await publish(tx, clock, subscriptionEvents.created, ...[subscription, ...inherited].map(shownSubscription));
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

    /** Of the customer with this external id, unless null; that of nobody finds nothing. */
    list: (
      ctx: RequestContext,
      request: ListRequest,
      externalCustomerId: string | null,
      expand: SubscriptionExpansion,
    ): Promise<Page<SubscriptionView>> =>
      database.withTenant(ctx, async (tx) => {
        const wanted = externalCustomerId
          ? narrowed(request, await customers.isOneOf({ ...ctx, transaction: tx }, 'customerId', externalCustomerId))
          : request;
        const page = await subscriptionRepository.list(tx, wanted);
        return { ...page, items: await views(tx, ctx, page.items, expand) };
      }),

    /** Oldest first, `most` at most: for what the product itself has to know. */
    find: (ctx: RequestContext, filter: SubscriptionFilter, most: number): Promise<Subscription[]> =>
      database.withTenant(ctx, (tx) => subscriptionRepository.find(tx, filter, most)),

    /** The same with line items, where those have other periods than their subscription. */
    findWithRhythm: (
      ctx: RequestContext,
      filter: SubscriptionFilter,
      most: number,
    ): Promise<{ readonly found: readonly Subscription[]; readonly items: readonly SubscriptionLineItem[] }> =>
      database.withTenant(ctx, async (tx) => {
        const found = await subscriptionRepository.findWithRhythm(tx, filter, most);
        const others = found.filter(({ hasOtherPeriods }) => hasOtherPeriods).map(({ id }) => id);
        return { found, items: await subscriptionRepository.itemsOf(tx, others) };
      }),

    /** Subscriptions as they are shown. */
    viewsOf: (ctx: RequestContext, subscriptions: readonly Subscription[], expand: SubscriptionExpansion): Promise<SubscriptionView[]> =>
      database.withTenant(ctx, (tx) => views(tx, ctx, subscriptions, expand)),

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
        const running = await subscriptionRepository.find(
          tx,
          { customerIds, subscriptionStatus: RUNNING, activeAt: clock.now() },
          MOST_OF_A_CUSTOMER,
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

    /** Cancels, and computes what is owed at last once that is committed: usage is read without holding the lock. */
    async cancel(ctx: RequestContext, id: string, request: Cancellation): Promise<Cancelled> {
      const cancelled = await database.withTenant(ctx, (tx) => cancelWithin(tx, ctx, dependencies, id, request));
      const final = cancelled.invoiceIds.at(-1);
      // The cancellation stands whatever becomes of its invoice: a draft that is left is the sweep's, as those of earlier periods are.
      if (final !== undefined)
        await invoicing.settle(ctx, final).catch((error: unknown) => {
          logger.error('the final invoice of a cancelled subscription is left to the sweep', {
            subscription_id: id,
            invoice_id: final,
            reason: error instanceof Error ? error.message : String(error),
          });
        });
      return cancelled;
    },

    /**
     * Closes the oldest period that is over, in a transaction of its own; answers its draft, or null when none is over.
     * Throws `service_unavailable` when somebody found the period up to `due` to be over, and it is not by this process's clock.
     */
    closePeriod: (ctx: RequestContext, id: string, due: DateTime | null = null): Promise<{ readonly invoiceId: string } | null> =>
      releasing(ctx, id, async (tx) => {
        const locked = await subscriptionRepository.lock(tx, id);
        const closed = await closePeriod(tx, ctx, dependencies, locked);
        if (closed === null) await cyclesInHand.release(tx, id);
        else await cyclesInHand.keep(tx, id, clock.now().plus(IN_HAND));
        if (
          closed === null &&
          due !== null &&
          SUBSCRIPTION_STATES.allows(locked.subscriptionStatus, 'close') &&
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

    /** Takes those of the due subscriptions that no run has in hand, in a running transaction: for whoever starts a run for each. Answers their ids. */
    takeCycles: (tx: TenantTransaction, ids: readonly string[]): Promise<Set<string>> =>
      cyclesInHand.take(tx, ids, clock.now(), clock.now().plus(IN_HAND)),

    /** Whether a subscription that still runs was made with the plan. */
    isPlanInUse: (tx: TenantTransaction, planId: string): Promise<boolean> => subscriptionRepository.isPlanInUse(tx, planId),

    /** Whether a subscription that has not ended is billed by the meter. */
    isMeterBilled: (tx: TenantTransaction, meterId: string): Promise<boolean> => subscriptionRepository.isMeterBilled(tx, meterId),

    /** Ids of the subscriptions that the customer inherits or has inherited: their invoices are about its usage, too. */
    parentsOf: (tx: TenantTransaction, customerId: string): Promise<string[]> => subscriptionRepository.parentsOf(tx, customerId),

    /** Whether the customer has a subscription that still runs. */
    hasRunning: (tx: TenantTransaction, customerId: string): Promise<boolean> => subscriptionRepository.hasRunning(tx, customerId),
  };
}
