import type { FeatureService, FeatureView } from '#catalog/service/feature.ts';
import type { PlanService } from '#catalog/service/plan.ts';
import type { Customer } from '#customers/domain.ts';
import type { CustomerService } from '#customers/service.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { ListOptions } from '#kernel/pagination.ts';
import type { Database } from '#platform/postgres/database.ts';
import { currentPeriod } from '#subscriptions/domain/periods.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
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
export interface EntitlementSource extends Entitlement { readonly subscriptionId: string; readonly entityName: string }
export interface FeatureSummary { readonly feature: FeatureView; readonly entitlement: AggregatedEntitlement<EntitlementSource> }

/** How a caller names a customer. */
export type CustomerReference = { readonly id: string } | { readonly externalId: string };
/** All that a customer's running subscriptions give, with those subscriptions, oldest first. */
export interface CustomerRights { readonly customer: Customer; readonly subscriptions: readonly Subscription[]; readonly summaries: readonly FeatureSummary[] }

const MAX_PAGE = 1000;
const RUNNING = ['active', 'trialing'] as const;
const NOTHING_EXPANDED = { items: false, prices: false, customer: false, plan: false };

/** What subscriptions give together, per feature (billing.md 3.7 "Merging"). */
export function createEntitlementSummaryService({ database, clock, customers, subscriptions, plans, features }: EntitlementSummaryDependencies) {
  /** Overrides replace their parent inside their own subscription only: another subscription of the customer keeps the plan's. */
  const sourcesOf = async (ctx: RequestContext, found: readonly Subscription[]): Promise<EntitlementSource[]> =>
    database.withTenant(ctx, async (tx) => {
      const planIds = [...new Set(found.map((subscription) => subscription.planId))];
      const names = new Map((await plans.getMany({ ...ctx, transaction: tx }, planIds)).map((plan) => [plan.id, plan.name]));
      const now = clock.now();
      // A limit is about a billing period: here counts what the invoice of the current one will count. Anything else is had now, or not.
      const counts = (entitlement: Entitlement, subscription: Subscription) =>
        countsIn(entitlement, entitlement.featureType === 'metered' ? currentPeriod(subscription) : { start: now, end: now.plus({ milliseconds: 1 }) });
      const ofPlans = await entitlementRepository.forEntities(tx, 'PLAN', planIds);
      const own = await entitlementRepository.forEntities(tx, 'SUBSCRIPTION', found.map((subscription) => subscription.id));
      return found.flatMap((subscription) => {
        const given = [...ofPlans.filter((entitlement) => entitlement.entityId === subscription.planId), ...own.filter((entitlement) => entitlement.entityId === subscription.id)]
          .filter((entitlement) => counts(entitlement, subscription));
        return mergeEntitlements(given.map((entitlement) => ({ ...entitlement, subscriptionId: subscription.id, entityName: names.get(subscription.planId) ?? '' }))).flatMap(({ sources }) => sources);
      });
    });

  const summarise = async (ctx: RequestContext, found: readonly Subscription[], featureIds: readonly string[] | null): Promise<FeatureSummary[]> => {
    // Each subscription's overrides are settled: their parents must not be taken from the others.
    const settled = (await sourcesOf(ctx, found)).map((source) => ({ ...source, parentEntitlementId: null }));
    const merged = mergeEntitlements(featureIds === null ? settled : settled.filter((source) => featureIds.includes(source.featureId)));
    const byId = new Map((await features.getMany(ctx, merged.map((entitlement) => entitlement.featureId))).map((view) => [view.feature.id, view]));
    return merged.flatMap((entitlement) => {
      const feature = byId.get(entitlement.featureId);
      return feature ? [{ feature, entitlement }] : [];
    });
  };

  const runningOf = async (ctx: RequestContext, customerId: string, subscriptionIds: readonly string[] | null): Promise<Subscription[]> => {
    const found: Subscription[] = [];
    for (let offset = 0, total = 1; offset < total; offset += MAX_PAGE) {
      const options: ListOptions = { limit: MAX_PAGE, offset, status: null, sort: [{ field: 'created_at', direction: 'asc' }], startTime: null, endTime: null, filters: [] };
      const page = await subscriptions.list(ctx, { customerIds: [customerId], subscriptionIds, subscriptionStatus: RUNNING, activeAt: clock.now() }, options, NOTHING_EXPANDED);
      found.push(...page.items.map((view) => view.subscription));
      total = page.total;
    }
    return found;
  };

  /** Rights of a customer, of these subscriptions only unless null. Throws NotFound for an unknown customer. */
  const rightsOf = (ctx: RequestContext, reference: CustomerReference, subscriptionIds: readonly string[] | null = null): Promise<CustomerRights> =>
    database.withTenant(ctx, async (tx) => {
      const inside = { ...ctx, transaction: tx };
      const customer = await ('id' in reference ? customers.get(inside, reference.id) : customers.getByExternalId(inside, reference.externalId));
      const running = await runningOf(inside, customer.id, subscriptionIds);
      return { customer, subscriptions: running, summaries: await summarise(inside, running, null) };
    });

  return {
    rightsOf,

    /** What one subscription gives, whatever its status; `featureIds` null means all. */
    ofSubscription: (ctx: RequestContext, id: string, featureIds: readonly string[] | null): Promise<{ subscription: Subscription; summaries: FeatureSummary[] }> =>
      database.withTenant(ctx, async (tx) => {
        const inside = { ...ctx, transaction: tx };
        const subscription = await subscriptions.get(inside, id);
        return { subscription, summaries: await summarise(inside, [subscription], featureIds) };
      }),
  };
}
