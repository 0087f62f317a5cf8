import type { FeatureService } from '#catalog/service/feature.ts';
import type { PlanService } from '#catalog/service/plan.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Page } from '#kernel/pagination.ts';
import type { Camelized } from '#kernel/wire.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import type { ListRequest } from '#platform/resource/listing.ts';
import { publish } from '#platform/resource/publish.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import type { CreateEntitlementRequest, UpdateEntitlementRequest } from '../contracts.ts';
import type { Entitlement } from '#catalog/domain/entitlement.ts';
import { checkEntitlementValues } from '../domain/terms.ts';
import { changesAllowance, type DatedEntitlement } from '../domain/versions.ts';
import { type EntitlementView, entitlementView } from '#catalog/domain/entitlement-view.ts';
import { entitlementEvents } from '../events.ts';
import { entitlementRepository } from '../repository.ts';

export interface EntitlementDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly features: () => FeatureService;
  readonly plans: () => PlanService;
}
export type EntitlementService = ReturnType<typeof createEntitlementService>;

type Owner = Pick<Subscription, 'id' | 'planId'>;

type GrantFields = Pick<
  Camelized<CreateEntitlementRequest>,
  'grantMeasure' | 'grantDurationValue' | 'grantDurationUnit' | 'grantAllocationBehavior' | 'grantQuota' | 'aggregationMode'
>;

/** Whether an entitlement gives the feature: it then cannot be deleted. */
export function isFeatureInUse(tx: TenantTransaction, featureId: string): Promise<boolean> {
  return entitlementRepository.isFeatureInUse(tx, featureId);
}

/** Use cases of entitlements. Every change writes its system event in the same transaction. */
export function createEntitlementService({ database, clock, features, plans }: EntitlementDependencies) {
  const createOne = async (
    tx: TenantTransaction,
    ctx: RequestContext,
    request: Camelized<CreateEntitlementRequest>,
  ): Promise<EntitlementView> => {
    const inside = { ...ctx, transaction: tx };
    refuseGrants(request);
    const { id: entityId } = await plans().getHeld(tx, planIdOf(request));
    const feature = await features().get(inside, request.featureId);
    if (feature.type !== request.featureType) throw invalid('feature_type', `the feature is ${feature.type}`);
    if (request.featureType === 'boolean' && typeof request.isEnabled !== 'boolean')
      throw invalid('is_enabled', 'is required for a boolean feature');
    if (request.parentEntitlementId) throw invalid('parent_entitlement_id', "belongs to a subscription's own entitlements only");
    if (request.startDate && request.endDate && request.endDate < request.startDate)
      throw invalid('end_date', 'must not be before start_date');
    const values = {
      isEnabled: request.isEnabled ?? true,
      usageLimit: request.usageLimit ?? null,
      usageResetPeriod: request.usageResetPeriod ?? null,
      isSoftLimit: request.isSoftLimit ?? false,
      staticValue: request.staticValue || null,
      configValue: request.configValue ?? null,
    };
    checkEntitlementValues(feature.type, values);
    const now = clock.now();
    const entitlement = await entitlementRepository.insert(tx, {
      id: newId('ent', clock),
      entityType: 'PLAN',
      entityId,
      featureId: feature.id,
      featureType: feature.type,
      ...values,
      displayOrder: 0,
      parentEntitlementId: null,
      startDate: request.startDate ?? null,
      endDate: request.endDate ?? null,
      grantMeasure: null,
      grantDurationValue: null,
      grantDurationUnit: null,
      grantAllocationBehavior: null,
      grantQuota: null,
      aggregationMode: 'additive',
      createdAt: now,
      updatedAt: now,
    });
    const view = entitlementView(entitlement, null);
    await publish(tx, clock, entitlementEvents.created, view);
    return view;
  };

  /** One query for all features. */
  const withFeatures = async (ctx: RequestContext, entitlements: readonly Entitlement[]): Promise<EntitlementView[]> => {
    const shown = await features().getMany(ctx, [...new Set(entitlements.map(({ featureId }) => featureId))]);
    const byId = new Map(shown.map((feature) => [feature.id, feature]));
    return entitlements.map((entitlement) => entitlementView(entitlement, byId.get(entitlement.featureId) ?? null));
  };

  const forSubscriptions = async (
    ctx: RequestContext,
    subscriptions: readonly Owner[],
  ): Promise<ReadonlyMap<string, DatedEntitlement[]>> => {
    const [ids, planIds] = [subscriptions.map(({ id }) => id), [...new Set(subscriptions.map(({ planId }) => planId))]];
    const given = await database.withTenant(ctx, async (tx) => [
      ...(await entitlementRepository.historyOf(tx, 'PLAN', planIds)),
      ...(await entitlementRepository.historyOf(tx, 'SUBSCRIPTION', ids)),
    ]);
    const byOwner = Map.groupBy(given, ({ entityId }) => entityId);
    return new Map(subscriptions.map(({ id, planId }) => [id, [...(byOwner.get(planId) ?? []), ...(byOwner.get(id) ?? [])]]));
  };

  return {
    /** Throws `already_exists` when the plan has an entitlement to the feature. */
    create: (ctx: RequestContext, request: Camelized<CreateEntitlementRequest>): Promise<EntitlementView> =>
      database.withTenant(ctx, (tx) => createOne(tx, ctx, request)),

    /** All or none. */
    createMany: (ctx: RequestContext, requests: readonly Camelized<CreateEntitlementRequest>[]): Promise<EntitlementView[]> =>
      database.withTenant(ctx, async (tx) => {
        const entitlements: EntitlementView[] = [];
        for (const request of requests) entitlements.push(await createOne(tx, ctx, request));
        return entitlements;
      }),

    /** With its feature. */
    get: (ctx: RequestContext, id: string): Promise<EntitlementView> =>
      database.withTenant(
        ctx,
        async (tx) => (await withFeatures({ ...ctx, transaction: tx }, [await entitlementRepository.get(tx, id)]))[0] as EntitlementView,
      ),

    forPlans: (ctx: RequestContext, planIds: readonly string[]): Promise<Entitlement[]> =>
      database.withTenant(ctx, (tx) => entitlementRepository.forEntities(tx, 'PLAN', planIds)),

    /** All rights of a subscription, its plan's and its own, as they were at each time: usage keeps what was allowed when it happened. */
    forSubscription: async (ctx: RequestContext, subscription: Owner): Promise<DatedEntitlement[]> =>
      (await forSubscriptions(ctx, [subscription])).get(subscription.id) ?? [],

    /** The same of many, by their ids, in as many statements. */
    forSubscriptions,

    /** A plan's entitlements with their features. Throws NotFound when there is no such plan. */
    ofPlan: (ctx: RequestContext, planId: string): Promise<EntitlementView[]> =>
      database.withTenant(ctx, async (tx) => {
        const inside = { ...ctx, transaction: tx };
        await plans().get(inside, planId);
        return withFeatures(inside, await entitlementRepository.forEntities(tx, 'PLAN', [planId]));
      }),

    update: (ctx: RequestContext, id: string, request: Camelized<UpdateEntitlementRequest>): Promise<EntitlementView> =>
      database.withTenant(ctx, async (tx) => {
        const before = await entitlementRepository.lock(tx, id);
        refuseGrants(request);
        const { usageLimit, usageResetPeriod, staticValue, configValue } = request;
        const values = {
          isEnabled: request.isEnabled ?? before.isEnabled,
          isSoftLimit: request.isSoftLimit ?? before.isSoftLimit,
          usageLimit: usageLimit === undefined ? before.usageLimit : usageLimit,
          usageResetPeriod: usageResetPeriod === undefined ? before.usageResetPeriod : usageResetPeriod,
          staticValue: staticValue === undefined ? before.staticValue : staticValue || null,
          configValue: configValue === undefined ? before.configValue : configValue,
        };
        checkEntitlementValues(before.featureType, values);
        const now = clock.now();
        if (changesAllowance(before, values)) await entitlementRepository.keepVersion(tx, before, now);
        const entitlement = entitlementView(await entitlementRepository.update(tx, id, { ...values, updatedAt: now }), null);
        await publish(tx, clock, entitlementEvents.updated, entitlement);
        return entitlement;
      }),

    delete: (ctx: RequestContext, id: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        const now = clock.now();
        await entitlementRepository.keepVersion(tx, await entitlementRepository.lock(tx, id), now);
        const entitlement = await entitlementRepository.update(tx, id, { status: 'archived', updatedAt: now });
        await publish(tx, clock, entitlementEvents.deleted, entitlementView(entitlement, null));
      }),

    list: (ctx: RequestContext, request: ListRequest, expand: ReadonlySet<string>): Promise<Page<EntitlementView>> =>
      database.withTenant(ctx, async (tx) => {
        const page = await entitlementRepository.list(tx, request);
        const bare = (entitlement: Entitlement) => entitlementView(entitlement, null);
        return { ...page, items: expand.size > 0 ? await withFeatures({ ...ctx, transaction: tx }, page.items) : page.items.map(bare) };
      }),
  };
}

function planIdOf(request: Camelized<CreateEntitlementRequest>): string {
  const type = request.entityType ?? (request.planId ? 'PLAN' : null);
  if (type === null) throw invalid('entity_type', 'is required');
  if (type !== 'PLAN') throw invalid('entity_type', `entitlements of ${type} cannot be created here, only those of PLAN`);
  const id = request.entityId || request.planId;
  if (!id) throw invalid('entity_id', 'is required');
  return id;
}

/** Billing does not know quota windows, so that one that is stored would be a promise nobody keeps. */
function refuseGrants(request: GrantFields): void {
  const field = request.grantMeasure
    ? 'grant_measure'
    : request.grantQuota
      ? 'grant_quota'
      : request.grantDurationUnit
        ? 'grant_duration_unit'
        : request.grantDurationValue
          ? 'grant_duration_value'
          : request.grantAllocationBehavior
            ? 'grant_allocation_behavior'
            : null;
  if (field !== null) throw invalid(field, 'entitlement grants are not available');
  if (request.aggregationMode === 'parallel')
    throw invalid('aggregation_mode', 'parallel belongs to entitlement grants, which are not available');
}
