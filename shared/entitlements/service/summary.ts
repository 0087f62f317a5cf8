import type { FeatureView } from '#catalog/domain/feature.ts';
import type { FeatureService } from '#catalog/service/feature.ts';
import type { PlanService } from '#catalog/service/plan.ts';
import type { DateTime } from 'luxon';
import type { Customer } from '#customers/domain.ts';
import type { CustomerService } from '#customers/service.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { hasOwnPeriods, type SubscriptionLineItem } from '#subscriptions/domain/line-item.ts';
import { BILLED_TYPES, type Subscription } from '#subscriptions/domain/subscription.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';
import { allowanceAt } from '../domain/allowance.ts';
import type { AllowanceRhythm } from '../domain/allowance-window.ts';
import { countsIn, type Entitlement } from '#catalog/domain/entitlement.ts';
import { type AggregatedEntitlement, mergeEntitlements } from '../domain/merge.ts';
import { entitlementRepository } from '../repository.ts';

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
/** What one subscription gives of a feature. */
export interface FeatureShare {
  readonly featureId: string;
  readonly subscription: Subscription;
  readonly rhythm: AllowanceRhythm;
  /** All of its entitlements to the feature, whatever their dates. */
  readonly sources: readonly EntitlementSource[];
  /** Those that count now. */
  readonly counting: readonly EntitlementSource[];
}
export interface FeatureSummary {
  readonly feature: FeatureView;
  /** Of all subscriptions together. */
  readonly entitlement: AggregatedEntitlement<EntitlementSource>;
  /** Of each that gives the feature, or would if it were enabled, oldest first: an event uses up the allowance of each. */
  readonly shares: readonly FeatureShare[];
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

/** Running subscriptions of one customer that are looked at. */
const MOST_SUBSCRIPTIONS = 10_000;
const RUNNING = ['active', 'trialing'] as const;
const WITH_ITEMS = { items: true, prices: false, customer: false, plan: false };

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
        (await features.getMany(inside, [...new Set(given.map(({ featureId }) => featureId))])).map((view) => [view.id, view]),
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

  const summarise = async (
    ctx: RequestContext,
    subscribed: Subscribed,
    featureIds: readonly string[] | null,
    readPlans: ReadPlanRights,
  ): Promise<FeatureSummary[]> => {
    const rights = await readPlans(ctx, [...new Set(subscribed.found.map(({ planId }) => planId))]);
    const given = sourcesOf(subscribed, rights).filter(({ featureId }) => featureIds === null || featureIds.includes(featureId));
    const byId = new Map([...rights.values()].flatMap((plan) => plan.features.map((view) => [view.id, view] as const)));
    const missing = [...new Set(given.map(({ featureId }) => featureId))].filter((id) => !byId.has(id));
    for (const view of missing.length === 0 ? [] : await features.getMany(ctx, missing)) byId.set(view.id, view);
    const shares = sharesOf(given, subscribed, byId, clock.now());
    // Each subscription's overrides are settled: their parents must not be taken from the others.
    const settled = shares.flatMap(({ counting }) => counting).map((source) => ({ ...source, parentEntitlementId: null }));
    return mergeEntitlements(settled).flatMap((entitlement) => {
      const feature = byId.get(entitlement.featureId);
      return feature ? [{ feature, entitlement, shares: shares.filter(({ featureId }) => featureId === feature.id) }] : [];
    });
  };

  const ownOf = (tx: TenantTransaction, found: readonly Subscription[]): Promise<Entitlement[]> =>
    entitlementRepository.forEntities(
      tx,
      'SUBSCRIPTION',
      found.map(({ id }) => id),
    );

  /** Oldest first, with their lines of other periods: how a limit is counted follows from the line that bills its meter. */
  const runningOf = (
    ctx: RequestContext,
    customerId: string,
    subscriptionIds: readonly string[] | null,
  ): Promise<Omit<Subscribed, 'own'>> =>
    subscriptions.findWithRhythm(
      ctx,
      { customerIds: [customerId], subscriptionIds, subscriptionType: BILLED_TYPES, subscriptionStatus: RUNNING, activeAt: clock.now() },
      MOST_SUBSCRIPTIONS,
    );

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
        const { found, items } = await runningOf(inside, customer.id, subscriptionIds);
        return { customer, found, items, own: await ownOf(tx, found), inherited: await subscriptions.inheritedOf(inside, found) };
      });
      return { customer, subscriptions: subscribed.found, inherited, summaries: await summarise(ctx, subscribed, null, readPlans) };
    },

    /** What one subscription gives, whatever its status; `featureIds` null means all. An inherited one gives nothing. */
    async ofSubscription(
      ctx: RequestContext,
      id: string,
      featureIds: readonly string[] | null,
    ): Promise<{ subscription: Subscription; summaries: FeatureSummary[] }> {
      const { subscription, items, own } = await database.withTenant(ctx, async (tx) => {
        const view = await subscriptions.view({ ...ctx, transaction: tx }, id, WITH_ITEMS);
        return {
          subscription: view.subscription,
          items: (view.items ?? []).map(({ item }) => item),
          own: await ownOf(tx, [view.subscription]),
        };
      });
      const found = subscription.subscriptionType === 'inherited' ? [] : [subscription];
      return { subscription, summaries: await summarise(ctx, { found, items, own }, featureIds, planRights) };
    },
  };
}

/** Subscriptions with their line items and with the entitlements of their own. */
interface Subscribed {
  readonly found: readonly Subscription[];
  readonly items: readonly SubscriptionLineItem[];
  readonly own: readonly Entitlement[];
}

function sourcesOf({ found, own }: Subscribed, rights: ReadonlyMap<string, PlanRights>): EntitlementSource[] {
  return found.flatMap((subscription) => {
    const plan = rights.get(subscription.planId);
    return [...(plan?.entitlements ?? []), ...own.filter(({ entityId }) => entityId === subscription.id)].map((entitlement) => ({
      ...entitlement,
      subscriptionId: subscription.id,
      entityName: plan?.name ?? '',
    }));
  });
}

/** Overrides replace their parent inside their own subscription only: another subscription of the customer keeps the plan's. */
function sharesOf(
  given: readonly EntitlementSource[],
  { found, items }: Subscribed,
  features: ReadonlyMap<string, FeatureView>,
  now: DateTime,
): FeatureShare[] {
  return found.flatMap((subscription) => {
    const own = Map.groupBy(
      given.filter(({ subscriptionId }) => subscriptionId === subscription.id),
      ({ featureId }) => featureId,
    );
    return [...own].flatMap(([featureId, sources]): FeatureShare[] => {
      const rhythm = { subscription, line: billingLine(subscription, items, features.get(featureId)?.meterId ?? null, now) };
      // A limit is about a billing period: here counts what its invoice will count. Anything else is had now, or not.
      const counting =
        sources[0]?.featureType === 'metered'
          ? (allowanceAt(sources, rhythm, now).entitlement?.sources ?? [])
          : mergeEntitlements(sources.filter((source) => countsIn(source, { start: now, end: now.plus({ milliseconds: 1 }) }))).flatMap(
              (entitlement) => entitlement.sources,
            );
      return counting.length === 0 ? [] : [{ featureId, subscription, rhythm, sources, counting }];
    });
  });
}

/** The line that bills the meter now, where its periods are longer than its subscription's. */
function billingLine(
  subscription: Subscription,
  items: readonly SubscriptionLineItem[],
  meterId: string | null,
  now: DateTime,
): AllowanceRhythm['line'] {
  const [line] = items
    .filter((item) => item.subscriptionId === subscription.id && item.priceType === 'USAGE' && item.meterId === meterId)
    .filter(({ startDate, endDate }) => startDate <= now && (endDate === null || endDate > now))
    .sort((a, b) => +a.startDate - +b.startDate || (a.id < b.id ? -1 : 1));
  if (line === undefined || line.billingPeriod === 'ONETIME') return null;
  const { billingPeriod } = line;
  return hasOwnPeriods({ ...line, billingPeriod }, subscription) ? { ...line, billingPeriod } : null;
}
