import type { FeatureService, FeatureView } from '#catalog/service/feature.ts';
import type { PlanService } from '#catalog/service/plan.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import { type Camelized, toWire } from '#kernel/wire.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import type { CreateEntitlementRequest, UpdateEntitlementRequest } from './contracts.ts';
import type { Entitlement } from './domain/entitlement.ts';
import { type EntitlementFilter, entitlementRepository } from './repository.ts';
import { checkEntitlementValues } from './domain/terms.ts';

export interface EntitlementDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly features: () => FeatureService;
  readonly plans: () => PlanService;
}
export type EntitlementService = ReturnType<typeof createEntitlementService>;

/** An entitlement as it is shown; `feature` is null unless asked for. */
export interface EntitlementView {
  readonly entitlement: Entitlement;
  readonly feature: FeatureView | null;
}
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
  const publish = (tx: TenantTransaction, change: 'created' | 'updated' | 'deleted', entitlement: Entitlement) =>
    appendSystemEvent(tx, clock, {
      eventName: `entitlement.${change}`,
      entityType: 'entitlement',
      entityId: entitlement.id,
      payload: toWire(entitlement) as Record<string, unknown>,
    });

  const createOne = async (
    tx: TenantTransaction,
    ctx: RequestContext,
    request: Camelized<CreateEntitlementRequest>,
  ): Promise<Entitlement> => {
    const inside = { ...ctx, transaction: tx };
    refuseGrants(request);
    const { id: entityId } = await plans().getHeld(tx, planIdOf(request));
    const { feature } = await features().get(inside, request.featureId);
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
    await publish(tx, 'created', entitlement);
    return entitlement;
  };

  return {
    /** Throws `already_exists` when the plan has an entitlement to the feature. */
    create: (ctx: RequestContext, request: Camelized<CreateEntitlementRequest>): Promise<Entitlement> =>
      database.withTenant(ctx, (tx) => createOne(tx, ctx, request)),

    /** All or none. */
    createMany: (ctx: RequestContext, requests: readonly Camelized<CreateEntitlementRequest>[]): Promise<Entitlement[]> =>
      database.withTenant(ctx, async (tx) => {
        const entitlements: Entitlement[] = [];
        for (const request of requests) entitlements.push(await createOne(tx, ctx, request));
        return entitlements;
      }),

    get: (ctx: RequestContext, id: string): Promise<Entitlement> => database.withTenant(ctx, (tx) => entitlementRepository.get(tx, id)),

    forPlans: (ctx: RequestContext, planIds: readonly string[]): Promise<Entitlement[]> =>
      database.withTenant(ctx, (tx) => entitlementRepository.forEntities(tx, 'PLAN', planIds)),

    /** A plan's entitlements with their features. Throws NotFound when there is no such plan. */
    ofPlan: (ctx: RequestContext, planId: string): Promise<Entitlement[]> =>
      database.withTenant(ctx, async (tx) => {
        await plans().get({ ...ctx, transaction: tx }, planId);
        return entitlementRepository.forPlan(tx, planId);
      }),

    update: (ctx: RequestContext, id: string, request: Camelized<UpdateEntitlementRequest>): Promise<Entitlement> =>
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
        const entitlement = await entitlementRepository.update(tx, id, { ...values, updatedAt: clock.now() }, ctx.actorId);
        await publish(tx, 'updated', entitlement);
        return entitlement;
      }),

    delete: (ctx: RequestContext, id: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        await entitlementRepository.lock(tx, id);
        const entitlement = await entitlementRepository.update(tx, id, { status: 'archived', updatedAt: clock.now() }, ctx.actorId);
        await publish(tx, 'deleted', entitlement);
      }),

    list: (ctx: RequestContext, filter: EntitlementFilter, options: ListOptions): Promise<Page<Entitlement>> =>
      database.withTenant(ctx, (tx) => entitlementRepository.list(tx, filter, options)),

    /** Entitlements with their features: one query for all. */
    withFeatures: async (ctx: RequestContext, entitlements: readonly Entitlement[]): Promise<EntitlementView[]> => {
      const shown = await features().getMany(ctx, [...new Set(entitlements.map((entitlement) => entitlement.featureId))]);
      const byId = new Map(shown.map((view) => [view.feature.id, view]));
      return entitlements.map((entitlement) => ({ entitlement, feature: byId.get(entitlement.featureId) ?? null }));
    },
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
