import type { Entitlement } from '#entitlements/domain/entitlement.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalidOperation } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import { type Camelized, toWire } from '#kernel/wire.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import type { CreatePlanRequest, UpdatePlanRequest } from '../contracts/plan.ts';
import type { Plan } from '../domain/plan.ts';
import { type PlanFilter, planRepository } from '../repository/plan.ts';
import { priceRepository } from '../repository/price.ts';
import type { FeatureService, FeatureView } from './feature.ts';
import type { PriceService, PriceView } from './price.ts';

export interface PlanDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly prices: PriceService;
  readonly features: FeatureService;
  readonly entitlementsOf: (ctx: RequestContext, planIds: readonly string[]) => Promise<Entitlement[]>;
  /** Whether a subscription that still runs was made with the plan: it then cannot be deleted. */
  readonly isInUse: (tx: TenantTransaction, planId: string) => Promise<boolean>;
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
/** A plan as it is shown; a part is null unless asked for. */
export interface PlanView {
  readonly plan: Plan;
  readonly prices: readonly PriceView[] | null;
  readonly entitlements: readonly { readonly entitlement: Entitlement; readonly feature: FeatureView | null }[] | null;
  readonly creditGrants: readonly [] | null;
}
const EVERYTHING: PlanExpansion = { prices: true, meters: true, entitlements: true, features: true, creditGrants: true };

/** Use cases of plans. Every change writes its system event in the same transaction. */
export function createPlanService({ database, clock, prices, features, entitlementsOf, isInUse }: PlanDependencies) {
  const publish = (tx: TenantTransaction, change: 'created' | 'updated' | 'deleted', plan: Plan) =>
    appendSystemEvent(tx, clock, {
      eventName: `plan.${change}`,
      entityType: 'plan',
      entityId: plan.id,
      payload: toWire(plan) as Record<string, unknown>,
    });

  /** One query per kind of part, whatever the number of plans. Prices that have ended are left out. */
  const views = async (tx: TenantTransaction, ctx: RequestContext, plans: readonly Plan[], expand: PlanExpansion): Promise<PlanView[]> => {
    const inside = { ...ctx, transaction: tx };
    const ids = plans.map((plan) => plan.id);
    const now = clock.now();
    const current = expand.prices
      ? (await priceRepository.ofOwners(tx, 'PLAN', ids)).filter((price) => price.endDate === null || price.endDate > now)
      : [];
    const priced = Map.groupBy(await prices.views(inside, current, { meters: expand.meters ?? false }), ({ price }) => price.entityId);
    const rights = expand.entitlements ? await entitlementsOf(inside, ids) : [];
    const shown = new Map(
      (expand.features ? await features.getMany(inside, [...new Set(rights.map((right) => right.featureId))]) : []).map((view) => [
        view.feature.id,
        view,
      ]),
    );
    const entitled = Map.groupBy(
      rights.map((entitlement) => ({ entitlement, feature: shown.get(entitlement.featureId) ?? null })),
      ({ entitlement }) => entitlement.entityId,
    );
    return plans.map((plan) => ({
      plan,
      prices: expand.prices ? (priced.get(plan.id) ?? []) : null,
      entitlements: expand.entitlements ? (entitled.get(plan.id) ?? []) : null,
      creditGrants: expand.creditGrants ? [] : null,
    }));
  };

  return {
    create: (ctx: RequestContext, request: Camelized<CreatePlanRequest>): Promise<Plan> =>
      database.withTenant(ctx, async (tx) => {
        const now = clock.now();
        const plan = await planRepository.insert(tx, {
          id: newId('plan', clock),
          name: request.name,
          lookupKey: request.lookupKey || null,
          description: request.description || null,
          displayOrder: request.displayOrder ?? null,
          metadata: request.metadata ?? {},
          createdAt: now,
          updatedAt: now,
        });
        await publish(tx, 'created', plan);
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
        const { name, lookupKey, description, displayOrder, metadata } = request;
        const plan = await planRepository.update(
          tx,
          id,
          {
            ...(name === undefined ? {} : { name }),
            ...(lookupKey === undefined ? {} : { lookupKey: lookupKey || null }),
            ...(description === undefined ? {} : { description: description || null }),
            ...(displayOrder === undefined ? {} : { displayOrder }),
            ...(metadata === undefined ? {} : { metadata: metadata ?? {} }),
            updatedAt: clock.now(),
          },
          ctx.actorId,
        );
        await publish(tx, 'updated', plan);
        return plan;
      }),

    /** Archives the plan; its lookup key is free again. */
    delete: (ctx: RequestContext, id: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        await planRepository.lock(tx, id);
        if (await isInUse(tx, id)) throw invalidOperation('plan has active subscriptions: cancel them first', { plan_id: id });
        const plan = await planRepository.update(tx, id, { status: 'archived', updatedAt: clock.now() }, ctx.actorId);
        await publish(tx, 'deleted', plan);
      }),

    list: (ctx: RequestContext, filter: PlanFilter, options: ListOptions, expand: PlanExpansion): Promise<Page<PlanView>> =>
      database.withTenant(ctx, async (tx) => {
        const page = await planRepository.list(tx, filter, options);
        return { ...page, items: await views(tx, ctx, page.items, expand) };
      }),
  };
}
