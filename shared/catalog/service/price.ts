import type { DateTime } from 'luxon';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { alreadyExists, invalid, invalidOperation, notFound } from '#kernel/errors.ts';
import type { Page } from '#kernel/pagination.ts';
import type { Camelized } from '#kernel/wire.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { type ListRequest, narrowed } from '#platform/resource/listing.ts';
import { columns, mapOrEmpty, textOrNull } from '#platform/resource/patch.ts';
import { publish } from '#platform/resource/publish.ts';
import type { CreatePriceRequest, UpdatePriceRequest } from '../contracts/price.ts';
import type { Plan } from '../domain/plan.ts';
import type { Price, PriceOwnerType } from '../domain/price.ts';
import { priceEvents } from '../events.ts';
import { planRepository } from '../repository/plan.ts';
import { type PriceChange, priceRepository } from '../repository/price.ts';
import { changedTerms, draftFrom, draftOf, type PriceDraft, type PriceTermsChange, termsChangeOf, writePrice } from './price-write.ts';

/** What prices hang on. Whoever changes prices holds the lock of their owner. */
export interface PriceOwner {
  /** Locks the owner until the transaction ends. Throws NotFound where there is none that takes a price. */
  readonly lock: (tx: TenantTransaction, id: string) => Promise<unknown>;
  /** The lock alone, also of one that takes no more prices: its prices can still be ended. */
  readonly hold: (tx: TenantTransaction, id: string) => Promise<void>;
}
export interface PriceDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly meters: MeterService;
  readonly costsheets: PriceOwner;
}
export type PriceService = ReturnType<typeof createPriceService>;

/** A price as it is shown, with its meter and its plan where they are asked for. */
export interface PriceView extends Price {
  readonly meter?: Meter | null;
  readonly plan?: Plan | null;
}
export interface PriceExpansion {
  readonly meters?: boolean;
  readonly plan?: boolean;
}

/** What may change without a new version. */
const namingColumns = columns({ displayName: textOrNull, description: textOrNull, lookupKey: textOrNull, metadata: mapOrEmpty });

/** Use cases of prices. What decides an amount is never edited: a change ends the price and makes its successor (billing.md 3.2). */
export function createPriceService(dependencies: PriceDependencies) {
  const { database, clock, meters } = dependencies;
  const owners: Readonly<Record<PriceOwnerType, PriceOwner>> = { PLAN: planRepository, COSTSHEET: dependencies.costsheets };

  const createOne = async (tx: TenantTransaction, request: Camelized<CreatePriceRequest>): Promise<Price> => {
    const { entityType, entityId } = request;
    if (!isOwner(entityType))
      throw invalid('entity_type', `prices of ${entityType} cannot be created here, only those of PLAN and COSTSHEET`);
    await owners[entityType].lock(tx, entityId);
    return writePrice(tx, dependencies, draftOf(request, entityType, entityId));
  };

  /** The price under its own lock and that of its owner, in the order in which creation takes them. */
  const lockPrice = async (tx: TenantTransaction, id: string): Promise<Price> => {
    const { entityType, entityId } = await priceRepository.get(tx, id);
    if (isOwner(entityType)) await owners[entityType].hold(tx, entityId);
    return priceRepository.lock(tx, id);
  };

  const edit = async (
    tx: TenantTransaction,
    id: string,
    change: Omit<PriceChange, 'updatedAt'>,
    kind: 'updated' | 'deleted' = 'updated',
  ): Promise<Price> => {
    const price = await priceRepository.update(tx, id, { ...change, updatedAt: clock.now() });
    await publish(tx, clock, priceEvents[kind], price);
    return price;
  };

  const end = async (tx: TenantTransaction, price: Price, endDate: DateTime | null): Promise<Price> => {
    const now = clock.now();
    return edit(
      tx,
      price.id,
      { endDate: endDate ?? (price.startDate !== null && price.startDate > now ? price.startDate : now) },
      'deleted',
    );
  };

  const succeed = async (
    tx: TenantTransaction,
    old: Price,
    terms: PriceTermsChange,
    change: Omit<PriceChange, 'updatedAt'>,
    at: DateTime,
  ): Promise<Price> => {
    await edit(tx, old.id, { endDate: at });
    const draft = {
      ...draftFrom(old),
      ...changedTerms(old, terms),
      ...change,
      startDate: at,
      endDate: old.endDate,
      parentPriceId: old.parentPriceId ?? old.id,
    };
    return writePrice(tx, dependencies, draft);
  };

  const views = async (
    ctx: RequestContext,
    prices: readonly Price[],
    { meters: withMeters = false, plan: withPlan = false }: PriceExpansion,
  ): Promise<PriceView[]> =>
    database.withTenant(ctx, async (tx) => {
      const inside = { ...ctx, transaction: tx };
      const metersById = new Map(
        withMeters
          ? (await meters.getMany(inside, [...new Set(prices.flatMap((price) => price.meterId ?? []))])).map((meter) => [meter.id, meter])
          : [],
      );
      const planIds = prices.filter((price) => price.entityType === 'PLAN').map((price) => price.entityId);
      const plansById = new Map(withPlan ? (await planRepository.getMany(tx, [...new Set(planIds)])).map((plan) => [plan.id, plan]) : []);
      return prices.map((price) => ({
        ...price,
        meter: metersById.get(price.meterId ?? '') ?? null,
        plan: plansById.get(price.entityId) ?? null,
      }));
    });

  const withMeter = async (ctx: RequestContext, price: Price): Promise<PriceView> =>
    (await views(ctx, [price], { meters: true }))[0] as PriceView;

  return {
    views,

    create: (ctx: RequestContext, request: Camelized<CreatePriceRequest>): Promise<Price> =>
      database.withTenant(ctx, (tx) => createOne(tx, request)),

    /** All or none. */
    createMany: (ctx: RequestContext, requests: readonly Camelized<CreatePriceRequest>[]): Promise<Price[]> =>
      database.withTenant(ctx, async (tx) => {
        const prices: Price[] = [];
        for (const request of requests) prices.push(await createOne(tx, request));
        return prices;
      }),

    /** Writes a price of another owner, such as a subscription's override, in a running transaction. The caller has checked the owner. */
    createWithin: (tx: TenantTransaction, draft: PriceDraft): Promise<Price> => writePrice(tx, dependencies, draft),

    get: (ctx: RequestContext, id: string): Promise<Price> => database.withTenant(ctx, (tx) => priceRepository.get(tx, id)),

    /** With its meter. */
    view: (ctx: RequestContext, id: string): Promise<PriceView> =>
      database.withTenant(ctx, async (tx) => withMeter({ ...ctx, transaction: tx }, await priceRepository.get(tx, id))),

    /** Those of the ids that exist. */
    getMany: (ctx: RequestContext, ids: readonly string[]): Promise<Price[]> =>
      database.withTenant(ctx, (tx) => priceRepository.getMany(tx, ids)),

    /** A plan's prices: in `currency` (in any case) and in force at `at`, where given. */
    forPlan: (ctx: RequestContext, planId: string, options: { currency?: string; at?: DateTime } = {}): Promise<Price[]> =>
      database.withTenant(ctx, (tx) => priceRepository.ofOwners(tx, 'PLAN', [planId], options)),

    /** Prices of cost sheets, ended ones included, oldest first. */
    ofCostsheets: (ctx: RequestContext, costsheetIds: readonly string[]): Promise<Price[]> =>
      database.withTenant(ctx, (tx) => priceRepository.ofOwners(tx, 'COSTSHEET', costsheetIds)),

    /** The version that is in force, with its meter. */
    viewByLookupKey: (ctx: RequestContext, lookupKey: string): Promise<PriceView> =>
      database.withTenant(ctx, async (tx) =>
        withMeter({ ...ctx, transaction: tx }, await priceRepository.getByLookupKey(tx, lookupKey, clock.now())),
      ),

    /** Answers the price that is now valid under the request: the successor when there is one. */
    update: (ctx: RequestContext, id: string, request: Camelized<UpdatePriceRequest>): Promise<Price> =>
      database.withTenant(ctx, async (tx) => {
        const old = await lockPrice(tx, id);
        if (request.priceUnitAmount || request.priceUnitTiers)
          throw invalid(request.priceUnitAmount ? 'price_unit_amount' : 'price_unit_tiers', 'belongs to prices in a custom unit only');
        if (request.groupId) throw notFound('group', request.groupId);
        const terms = termsChangeOf(request);
        const change = namingColumns.changed(request);
        if (terms !== null || request.effectiveFrom) {
          const at = request.effectiveFrom ?? clock.now();
          if (old.startDate !== null && at < old.startDate) throw invalid('effective_from', "must not be before the price's start");
          if (old.endDate !== null && old.endDate <= at)
            throw invalidOperation('price has ended, and cannot change any more', { price_id: id });
          return terms === null ? edit(tx, id, { ...change, endDate: at }) : succeed(tx, old, terms, change, at);
        }
        if (
          change.lookupKey &&
          (await priceRepository.isKeyTaken(tx, change.lookupKey, { start: old.startDate, end: old.endDate, except: id }))
        ) {
          throw alreadyExists('price', 'lookup_key', change.lookupKey);
        }
        return edit(tx, id, change);
      }),

    /** Whether a price that has not ended charges for the meter. */
    chargesFor: (tx: TenantTransaction, meterId: string): Promise<boolean> => priceRepository.chargesFor(tx, meterId, clock.now()),

    /** Ends the price, now unless told; what it has billed keeps it. A price that has not begun ends where it begins. */
    delete: (ctx: RequestContext, id: string, endDate: DateTime | null): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        const price = await lockPrice(tx, id);
        if (price.endDate !== null && price.endDate <= clock.now()) throw invalidOperation('price has ended already', { price_id: id });
        if (endDate !== null && price.startDate !== null && endDate < price.startDate)
          throw invalid('end_date', "must not be before the price's start");
        await end(tx, price, endDate);
      }),

    /** Ends what of an owner's prices has not ended, in a running transaction that holds the owner: it is deleted with it. */
    async endAllWithin(tx: TenantTransaction, ownerType: PriceOwnerType, ownerId: string): Promise<void> {
      const now = clock.now();
      for (const price of await priceRepository.ofOwners(tx, ownerType, [ownerId])) {
        if (price.endDate === null || price.endDate > now) await end(tx, price, null);
      }
    },

    /** Ended prices are left out unless `withEnded`. */
    list: (ctx: RequestContext, request: ListRequest, withEnded: boolean): Promise<Page<Price>> =>
      database.withTenant(ctx, (tx) =>
        priceRepository.list(tx, withEnded ? request : narrowed(request, { column: 'endDate', is: 'openAfter', value: clock.now() })),
      ),

    /** What charges for these meters, ended prices included, the newest first: `limit` of them. */
    chargingFor: (ctx: RequestContext, meterIds: readonly string[], limit: number): Promise<Price[]> =>
      database.withTenant(ctx, (tx) => priceRepository.chargingFor(tx, meterIds, limit)),
  };
}

function isOwner(entityType: Price['entityType']): entityType is PriceOwnerType {
  return entityType === 'PLAN' || entityType === 'COSTSHEET';
}
