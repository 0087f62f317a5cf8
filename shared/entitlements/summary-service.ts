import type { FeatureService, FeatureView } from '#catalog/service/feature.ts';
import type { PlanService } from '#catalog/service/plan.ts';
import type { Customer } from '#customers/domain.ts';
import type { CustomerService } from '#customers/service.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { ListOptions } from '#kernel/pagination.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { currentPeriod } from '#subscriptions/domain/periods.ts';
import { BILLED_TYPES, type Subscription } from '#subscriptions/domain/subscription.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';
import { countsIn, type Entitlement } from './domain/entitlement.ts';
import { type AggregatedEntitlement, mergeEntitlements } from './domain/merge.ts';
import { entitlementRepository } from './repository.ts';

export interface EntitlementSummaryDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly customers: CustomerService;
  readonly subscriptions: SubscriptionService;
  readonly plans: PlanService;
  readonly features: FeatureService;
}
export type EntitlementSummaryService = ReturnType<typeof createEntitlementSummaryService>;

/** An entitlement with the subscription that it comes through. */
export interface EntitlementSource extends Entitlement {
  readonly subscriptionId: string;
  readonly entityName: string;
}
export interface FeatureSummary {
  readonly feature: FeatureView;
  readonly entitlement: AggregatedEntitlement<EntitlementSource>;
}

/** How a caller names a customer. */
export type CustomerReference = { readonly id: string } | { readonly externalId: string };
/** All that a customer's running subscriptions give, with those subscriptions, oldest first. What is inherited gives nothing: its limits are its parent's. */
export interface CustomerRights {
  readonly customer: Customer;
  readonly subscriptions: readonly Subscription[];
  readonly summaries: readonly FeatureSummary[];
  /** Whose usage is held against the limits besides: those who inherit the subscriptions, by subscription. */
  readonly inherited: ReadonlyMap<string, readonly CustomerSpan[]>;
}

/** What a plan gives to every subscription of it. */
export interface PlanRights {
  readonly name: string;
  readonly entitlements: readonly Entitlement[];
  readonly features: readonly FeatureView[];
}
/** Reads the rights of plans, by plan. */
export type ReadPlanRights = (ctx: RequestContext, planIds: readonly string[]) => Promise<ReadonlyMap<string, PlanRights>>;

const MAX_PAGE = 1000;
const RUNNING = ['active', 'trialing'] as const;
const NOTHING_EXPANDED = { items: false, prices: false, customer: false, plan: false };

/** What subscriptions give together, per feature (billing.md 3.7 "Merging"). */
export function createEntitlementSummaryService({
  database,
  clock,
  customers,
  subscriptions,
  plans,
  features,
}: EntitlementSummaryDependencies) {
  const planRights: ReadPlanRights = (ctx, planIds) =>
    database.withTenant(ctx, async (tx) => {
      const inside = { ...ctx, transaction: tx };
      const names = new Map((await plans.getMany(inside, planIds)).map(({ id, name }) => [id, name]));
      const given = await entitlementRepository.forEntities(tx, 'PLAN', planIds);
      const shown = new Map(
        (await features.getMany(inside, [...new Set(given.map(({ featureId }) => featureId))])).map((view) => [view.feature.id, view]),
      );
      return new Map(
        planIds.map((id) => {
          const entitlements = given.filter(({ entityId }) => entityId === id);
          return [
            id,
            { name: names.get(id) ?? '', entitlements, features: entitlements.flatMap(({ featureId }) => shown.get(featureId) ?? []) },
          ];
        }),
      );
    });

  /** Overrides replace their parent inside their own subscription only: another subscription of the customer keeps the plan's. */
  const sourcesOf = ({ found, own }: Subscribed, rights: ReadonlyMap<string, PlanRights>): EntitlementSource[] => {
    const now = clock.now();
    // A limit is about a billing period: here counts what the invoice of the current one will count. Anything else is had now, or not.
    const counts = (entitlement: Entitlement, subscription: Subscription) =>
      countsIn(
        entitlement,
        entitlement.featureType === 'metered' ? currentPeriod(subscription) : { start: now, end: now.plus({ milliseconds: 1 }) },
      );
    return found.flatMap((subscription) => {
      const plan = rights.get(subscription.planId);
      const given = [...(plan?.entitlements ?? []), ...own.filter((entitlement) => entitlement.entityId === subscription.id)].filter(
        (entitlement) => counts(entitlement, subscription),
      );
      return mergeEntitlements(
        given.map((entitlement) => ({ ...entitlement, subscriptionId: subscription.id, entityName: plan?.name ?? '' })),
      ).flatMap(({ sources }) => sources);
    });
  };

  const summarise = async (
    ctx: RequestContext,
    subscribed: Subscribed,
    featureIds: readonly string[] | null,
    readPlans: ReadPlanRights,
  ): Promise<FeatureSummary[]> => {
    const rights = await readPlans(ctx, [...new Set(subscribed.found.map(({ planId }) => planId))]);
    // Each subscription's overrides are settled: their parents must not be taken from the others.
    const settled = sourcesOf(subscribed, rights).map((source) => ({ ...source, parentEntitlementId: null }));
    const merged = mergeEntitlements(featureIds === null ? settled : settled.filter((source) => featureIds.includes(source.featureId)));
    const byId = new Map([...rights.values()].flatMap((plan) => plan.features.map((view) => [view.feature.id, view] as const)));
    const missing = merged.map(({ featureId }) => featureId).filter((id) => !byId.has(id));
    for (const view of missing.length === 0 ? [] : await features.getMany(ctx, missing)) byId.set(view.feature.id, view);
    return merged.flatMap((entitlement) => {
      const feature = byId.get(entitlement.featureId);
      return feature ? [{ feature, entitlement }] : [];
    });
  };

  const ownOf = (tx: TenantTransaction, found: readonly Subscription[]): Promise<Entitlement[]> =>
    entitlementRepository.forEntities(
      tx,
      'SUBSCRIPTION',
      found.map(({ id }) => id),
    );

  const runningOf = async (ctx: RequestContext, customerId: string, subscriptionIds: readonly string[] | null): Promise<Subscription[]> => {
    const found: Subscription[] = [];
    for (let offset = 0, total = 1; offset < total; offset += MAX_PAGE) {
      const options: ListOptions = {
        limit: MAX_PAGE,
        offset,
        status: null,
        sort: [{ field: 'created_at', direction: 'asc' }],
        startTime: null,
        endTime: null,
        filters: [],
      };
      const page = await subscriptions.list(
        ctx,
        { customerIds: [customerId], subscriptionIds, subscriptionType: BILLED_TYPES, subscriptionStatus: RUNNING, activeAt: clock.now() },
        options,
        NOTHING_EXPANDED,
      );
      found.push(...page.items.map((view) => view.subscription));
      total = page.total;
    }
    return found;
  };

  return {
    planRights,

    /**
     * Rights of a customer: of these subscriptions only, unless null. `readPlans` may remember what plans give. Throws NotFound for
     * an unknown customer.
     */
    async rightsOf(
      ctx: RequestContext,
      reference: CustomerReference,
      subscriptionIds: readonly string[] | null = null,
      readPlans: ReadPlanRights = planRights,
    ): Promise<CustomerRights> {
      const { customer, inherited, ...subscribed } = await database.withTenant(ctx, async (tx) => {
        const inside = { ...ctx, transaction: tx };
        const customer = await ('id' in reference
          ? customers.get(inside, reference.id)
          : customers.getByExternalId(inside, reference.externalId));
        const found = await runningOf(inside, customer.id, subscriptionIds);
        return { customer, found, own: await ownOf(tx, found), inherited: await subscriptions.inheritedOf(inside, found) };
      });
      return { customer, subscriptions: subscribed.found, inherited, summaries: await summarise(ctx, subscribed, null, readPlans) };
    },

    /** What one subscription gives, whatever its status; `featureIds` null means all. An inherited one gives nothing. */
    async ofSubscription(
      ctx: RequestContext,
      id: string,
      featureIds: readonly string[] | null,
    ): Promise<{ subscription: Subscription; summaries: FeatureSummary[] }> {
      const { subscription, own } = await database.withTenant(ctx, async (tx) => {
        const subscription = await subscriptions.get({ ...ctx, transaction: tx }, id);
        return { subscription, own: await ownOf(tx, [subscription]) };
      });
      const found = subscription.subscriptionType === 'inherited' ? [] : [subscription];
      return { subscription, summaries: await summarise(ctx, { found, own }, featureIds, planRights) };
    },
  };
}

/** Subscriptions with the entitlements of their own. */
interface Subscribed {
  readonly found: readonly Subscription[];
  readonly own: readonly Entitlement[];
}
