import type { PriceOwner, PriceService, PriceView } from '#catalog/service/price.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { notFound } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Page } from '#kernel/pagination.ts';
import type { Camelized } from '#kernel/wire.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import type { ListRequest } from '#platform/resource/listing.ts';
import { columns, given, mapOrEmpty, textOrNull } from '#platform/resource/patch.ts';
import { publish } from '#platform/resource/publish.ts';
import type { CreateCostsheetRequest, UpdateCostsheetRequest } from '../contracts/costsheet.ts';
import type { Costsheet } from '../domain/costsheet.ts';
import { costsheetEvents } from '../events.ts';
import { costsheetRepository } from '../repository.ts';

export interface CostsheetDependencies {
  readonly database: Database;
  readonly clock: Clock;
  /** Asked for on use: prices look at their owners. */
  readonly prices: () => Pick<PriceService, 'ofCostsheets' | 'views' | 'endAllWithin'>;
}
export type CostsheetService = ReturnType<typeof createCostsheetService>;

export interface CostsheetExpansion {
  readonly prices: boolean;
  readonly meters: boolean;
}
/** A cost sheet as it is shown, with its prices where they are asked for. */
export interface CostsheetView extends Costsheet {
  readonly prices?: readonly PriceView[];
}

const costsheetColumns = columns({ name: given<string>, lookupKey: textOrNull, description: textOrNull, metadata: mapOrEmpty });

/** Use cases of cost sheets. Every change writes its system event in the same transaction. */
export function createCostsheetService({ database, clock, prices }: CostsheetDependencies) {
  /** Prices that have ended are left out, but with an archived sheet: there all have, and it shows what it was. */
  const views = async (
    tx: TenantTransaction,
    ctx: RequestContext,
    costsheets: readonly Costsheet[],
    expand: CostsheetExpansion,
  ): Promise<CostsheetView[]> => {
    if (!expand.prices) return [...costsheets];
    const inside = { ...ctx, transaction: tx };
    const now = clock.now();
    const archived = new Set(costsheets.filter(({ status }) => status !== 'published').map(({ id }) => id));
    const shown = (
      await prices().ofCostsheets(
        inside,
        costsheets.map(({ id }) => id),
      )
    ).filter(({ endDate, entityId }) => endDate === null || endDate > now || archived.has(entityId));
    const priced = Map.groupBy(await prices().views(inside, shown, { meters: expand.meters }), ({ entityId }) => entityId);
    return costsheets.map((costsheet) => ({ ...costsheet, prices: priced.get(costsheet.id) ?? [] }));
  };

  const owner: PriceOwner = costsheetRepository;
  return {
    /** What a cost sheet is to its prices. */
    owner,

    /** Throws `already_exists` for a lookup key of another published cost sheet. */
    create: (ctx: RequestContext, request: Camelized<CreateCostsheetRequest>): Promise<Costsheet> =>
      database.withTenant(ctx, async (tx) => {
        const now = clock.now();
        const costsheet = await costsheetRepository.insert(tx, {
          ...costsheetColumns.created(request),
          id: newId('cost', clock),
          createdAt: now,
          updatedAt: now,
        });
        await publish(tx, clock, costsheetEvents.created, costsheet);
        return costsheet;
      }),

    /** Also an archived one. Throws NotFound. */
    view: (ctx: RequestContext, id: string, expand: CostsheetExpansion): Promise<CostsheetView> =>
      database.withTenant(ctx, async (tx) => (await views(tx, ctx, [await costsheetRepository.get(tx, id)], expand))[0] as CostsheetView),

    /** The one that costs are computed with: the newest published one. Throws NotFound where there is none. */
    active: (ctx: RequestContext): Promise<Costsheet> =>
      database.withTenant(ctx, async (tx) => {
        const costsheet = await costsheetRepository.active(tx);
        if (costsheet === null) throw notFound('costsheet', 'active');
        return costsheet;
      }),

    update: (ctx: RequestContext, id: string, request: Camelized<UpdateCostsheetRequest>): Promise<Costsheet> =>
      database.withTenant(ctx, async (tx) => {
        await costsheetRepository.lock(tx, id);
        const costsheet = await costsheetRepository.update(tx, id, { ...costsheetColumns.changed(request), updatedAt: clock.now() });
        await publish(tx, clock, costsheetEvents.updated, costsheet);
        return costsheet;
      }),

    /** Archives the cost sheet and ends its prices; both can still be read. Its lookup key is free again, and the sheet before it is the active one. */
    delete: (ctx: RequestContext, id: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        await costsheetRepository.lock(tx, id);
        await prices().endAllWithin(tx, 'COSTSHEET', id);
        const costsheet = await costsheetRepository.update(tx, id, { status: 'archived', updatedAt: clock.now() });
        await publish(tx, clock, costsheetEvents.deleted, costsheet);
      }),

    list: (ctx: RequestContext, request: ListRequest, expand: CostsheetExpansion): Promise<Page<CostsheetView>> =>
      database.withTenant(ctx, async (tx) => {
        const page = await costsheetRepository.list(tx, request);
        return { ...page, items: await views(tx, ctx, page.items, expand) };
      }),
  };
}
