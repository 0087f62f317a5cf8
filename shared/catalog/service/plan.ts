import type { Entitlement } from '#catalog/domain/entitlement.ts';
import { type EntitlementView, entitlementView } from '#catalog/domain/entitlement-view.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { newId } from '#kernel/ids.ts';
import type { Page } from '#kernel/pagination.ts';
import type { Camelized } from '#kernel/wire.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { type Guards, guardPoint } from '#platform/resource/guards.ts';
import type { ListRequest } from '#platform/resource/listing.ts';
import { columns, given, mapOrEmpty, textOrNull, valueOrNull } from '#platform/resource/patch.ts';
import { publish } from '#platform/resource/publish.ts';
import type { CreatePlanRequest, UpdatePlanRequest } from '../contracts/plan.ts';
import type { Plan } from '../domain/plan.ts';
import { planEvents } from '../events.ts';
import { planRepository } from '../repository/plan.ts';
import { priceRepository } from '../repository/price.ts';
import type { FeatureService } from './feature.ts';
import type { PriceService, PriceView } from './price.ts';

/** What stands on plans guards this. */
export const PLAN = guardPoint('plan');

export interface PlanDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly prices: PriceService;
  readonly features: FeatureService;
  readonly entitlementsOf: (ctx: RequestContext, planIds: readonly string[]) => Promise<Entitlement[]>;
  readonly guards: Guards;
}
export type PlanService = ReturnType<typeof createPlanService>;

/** What a plan is shown with. */
export interface PlanExpansion {
  readonly prices?: boolean;
  readonly meters?: boolean;
  readonly entitlements?: boolean;
  readonly features?: boolean;
  readonly creditGrants?: boolean;
}
/** A plan as it is shown; a part is there where it is asked for. */
export interface PlanView extends Plan {
  readonly prices?: readonly PriceView[];
  readonly entitlements?: readonly EntitlementView[];
  readonly creditGrants?: readonly [];
}
const EVERYTHING: PlanExpansion = { prices: true, meters: true, entitlements: true, features: true, creditGrants: true };

const planColumns = columns({
  name: given<string>,
  lookupKey: textOrNull,
  description: textOrNull,
  displayOrder: valueOrNull<number>,
  metadata: mapOrEmpty,
});

/** Use cases of plans. Every change writes its system event in the same transaction. */
export function createPlanService({ database, clock, prices, features, entitlementsOf, guards }: PlanDependencies) {
  /** One query per kind of part, whatever the number of plans. Prices that have ended are left out. */
  const views = async (tx: TenantTransaction, ctx: RequestContext, plans: readonly Plan[], expand: PlanExpansion): Promise<PlanView[]> => {
    const inside = { ...ctx, transaction: tx };
    const ids = plans.map((plan) => plan.id);
    const now = clock.now();
    const current = expand.prices
      ? (await priceRepository.ofOwners(tx, 'PLAN', ids)).filter((price) => price.endDate === null || price.endDate > now)
      : [];
    const priced = Map.groupBy(await prices.views(inside, current, { meters: expand.meters ?? false }), ({ entityId }) => entityId);
    const rights = expand.entitlements ? await entitlementsOf(inside, ids) : [];
    const shown = expand.features ? await features.getMany(inside, [...new Set(rights.map(({ featureId }) => featureId))]) : [];
    const featuresById = new Map(shown.map((feature) => [feature.id, feature]));
    const entitled = Map.groupBy(
      rights.map((entitlement) => entitlementView(entitlement, featuresById.get(entitlement.featureId) ?? null)),
      ({ entityId }) => entityId,
    );
    return plans.map((plan) => ({
      ...plan,
      ...(expand.prices && { prices: priced.get(plan.id) ?? [] }),
      ...(expand.entitlements && { entitlements: entitled.get(plan.id) ?? [] }),
      ...(expand.creditGrants && { creditGrants: [] as const }),
    }));
  };

  return {
    create: (ctx: RequestContext, request: Camelized<CreatePlanRequest>): Promise<Plan> =>
      database.withTenant(ctx, async (tx) => {
        const now = clock.now();
        const plan = await planRepository.insert(tx, {
          ...planColumns.created(request),
          id: newId('plan', clock),
          createdAt: now,
          updatedAt: now,
        });
        await publish(tx, clock, planEvents.created, plan);
        return plan;
      }),

    /** Throws NotFound for an archived plan, too: nobody can subscribe to it any more. */
    get: (ctx: RequestContext, id: string): Promise<Plan> => database.withTenant(ctx, (tx) => planRepository.get(tx, id)),

    /** The plan as it stays until `tx` ends: for whoever makes something that needs it. Throws NotFound like `get`. */
    getHeld: (tx: TenantTransaction, id: string): Promise<Plan> => planRepository.share(tx, id),

    /** Null for a key that no plan has, or only an archived one. */
    findByLookupKey: async (ctx: RequestContext, lookupKey: string): Promise<Plan | null> =>
      (await database.withTenant(ctx, (tx) => planRepository.findByLookupKey(tx, lookupKey))) ?? null,

    /** Those of the ids that exist, archived ones included. */
    getMany: (ctx: RequestContext, ids: readonly string[]): Promise<Plan[]> =>
      database.withTenant(ctx, (tx) => planRepository.getMany(tx, ids)),

    /** The plan with all that it contains. */
    view: (ctx: RequestContext, id: string): Promise<PlanView> =>
      database.withTenant(ctx, async (tx) => (await views(tx, ctx, [await planRepository.get(tx, id)], EVERYTHING))[0] as PlanView),

    update: (ctx: RequestContext, id: string, request: Camelized<UpdatePlanRequest>): Promise<Plan> =>
      database.withTenant(ctx, async (tx) => {
        await planRepository.lock(tx, id);
        const plan = await planRepository.update(tx, id, { ...planColumns.changed(request), updatedAt: clock.now() });
        await publish(tx, clock, planEvents.updated, plan);
        return plan;
      }),

    /** Archives the plan; its lookup key is free again. */
    delete: (ctx: RequestContext, id: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        await planRepository.lock(tx, id);
        await guards.check(tx, PLAN, id, 'delete');
        const plan = await planRepository.update(tx, id, { status: 'archived', updatedAt: clock.now() });
        await publish(tx, clock, planEvents.deleted, plan);
      }),

    list: (ctx: RequestContext, request: ListRequest, expand: PlanExpansion): Promise<Page<PlanView>> =>
      database.withTenant(ctx, async (tx) => {
        const page = await planRepository.list(tx, request);
        return { ...page, items: await views(tx, ctx, page.items, expand) };
      }),
  };
}
