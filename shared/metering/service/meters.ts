import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { newId } from '#kernel/ids.ts';
import type { Page } from '#kernel/pagination.ts';
import type { Camelized } from '#kernel/wire.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { type Guards, guardPoint } from '#platform/resource/guards.ts';
import type { ListRequest } from '#platform/resource/listing.ts';
import { publish } from '#platform/resource/publish.ts';
import type { CreateMeterRequest, UpdateMeterRequest } from '../contracts/meter.ts';
import { addsNothing, type Aggregation, checkAggregation, type Meter, type MeterVersion, unionFilters } from '../domain/meter.ts';
import { meterEvents } from '../events.ts';
import { meterVersionRepository } from '../repository/meter-versions.ts';
import { meterRepository } from '../repository/meters.ts';

/** What stands on meters guards this. */
export const METER = guardPoint('meter');

export interface MeterDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly guards: Guards;
}
export type MeterService = ReturnType<typeof createMeterService>;
export type NewMeterRequest = Camelized<CreateMeterRequest>;

/** Use cases of meters. Every change writes its system event in the same transaction. */
export function createMeterService({ database, clock, guards }: MeterDependencies) {
  const insert = async (
    tx: TenantTransaction,
    { name, eventName, aggregation, filters, resetUsage }: Pick<Meter, 'name' | 'eventName' | 'aggregation' | 'filters' | 'resetUsage'>,
  ): Promise<Meter> => {
    const now = clock.now();
    const meter = await meterRepository.insert(tx, {
      id: newId('meter', clock),
      name,
      eventName,
      aggregation,
      filters,
      resetUsage,
      disabledAt: null,
      version: 1,
      createdAt: now,
      updatedAt: now,
    });
    await publish(tx, clock, meterEvents.created, meter);
    return meter;
  };

  /** Creates a meter in a transaction that is running: a metered feature and its meter commit together. */
  const createWithin = async (tx: TenantTransaction, request: NewMeterRequest): Promise<Meter> =>
    insert(tx, { ...request, aggregation: aggregationOf(request.aggregation), filters: unionFilters([], request.filters ?? []) });

  const change = (
    ctx: RequestContext,
    id: string,
    kind: 'updated' | 'disabled' | 'deleted',
    next: (meter: Meter) => Parameters<typeof meterRepository.update>[2] | null,
  ): Promise<Meter> =>
    database.withTenant(ctx, async (tx) => {
      const before = await meterRepository.lock(tx, id);
      if (kind === 'deleted') await guards.check(tx, METER, id, 'delete');
      const values = next(before);
      if (values === null) return before;
      if (values.version !== undefined)
        await meterVersionRepository.keep(tx, before, { replacedAt: values.updatedAt, replacedBy: ctx.actorId });
      const meter = await meterRepository.update(tx, id, values);
      await publish(tx, clock, meterEvents[kind], meter);
      return meter;
    });

  return {
    createWithin,

    /** Another meter that measures the same, in a transaction that is running; it counts also where the first one is disabled. Throws NotFound. */
    cloneWithin: async (tx: TenantTransaction, id: string): Promise<Meter> => insert(tx, await meterRepository.get(tx, id)),

    /** Throws a validation error that names the part of the definition which cannot be measured (metering.md 3.2). */
    create: (ctx: RequestContext, request: NewMeterRequest): Promise<Meter> => database.withTenant(ctx, (tx) => createWithin(tx, request)),

    get: (ctx: RequestContext, id: string): Promise<Meter> => database.withTenant(ctx, (tx) => meterRepository.get(tx, id)),

    /** The meter as it stays until `tx` ends: for whoever makes something that needs it. Throws NotFound like `get`. */
    getHeld: (tx: TenantTransaction, id: string): Promise<Meter> => meterRepository.share(tx, id),

    /** Those of the ids that exist, deleted ones included. */
    getMany: (ctx: RequestContext, ids: readonly string[]): Promise<Meter[]> =>
      database.withTenant(ctx, (tx) => meterRepository.getMany(tx, ids)),

    /** Meters that count events of this name, disabled ones included. */
    forEventName: (ctx: RequestContext, eventName: string): Promise<Meter[]> =>
      database.withTenant(ctx, (tx) => meterRepository.findByEventNames(tx, [eventName])),

    /** Meters that count events of any of these names, oldest first. */
    forEventNames: (ctx: RequestContext, eventNames: readonly string[]): Promise<Meter[]> =>
      database.withTenant(ctx, (tx) => meterRepository.findByEventNames(tx, eventNames)),

    list: (ctx: RequestContext, request: ListRequest): Promise<Page<Meter>> =>
      database.withTenant(ctx, (tx) => meterRepository.list(tx, request)),

    /**
     * Adds filters and values to the existing ones, as a new version. Usage changes for past events, too: it follows from the
     * definition (M2); invoices keep what they were computed from. Adding what is there already changes nothing.
     */
    update: (ctx: RequestContext, id: string, request: Camelized<UpdateMeterRequest>): Promise<Meter> =>
      change(ctx, id, 'updated', (meter) => {
        const filters = unionFilters(meter.filters, request.filters);
        return addsNothing(filters, meter.filters) ? null : { filters, version: meter.version + 1, updatedAt: clock.now() };
      }),

    /** Former definitions of a meter, the oldest first; the current one is the meter itself. Throws NotFound. */
    formerVersions: (ctx: RequestContext, id: string): Promise<MeterVersion[]> =>
      database.withTenant(ctx, async (tx) => {
        await meterRepository.get(tx, id);
        return meterVersionRepository.of(tx, id);
      }),

    /** Stops counting at this moment; earlier usage stays. Disabling again changes nothing. */
    disable: (ctx: RequestContext, id: string): Promise<Meter> =>
      change(ctx, id, 'disabled', (meter) =>
        meter.disabledAt !== null
          ? null
          : { disabledAt: clock.now(), status: 'archived', version: meter.version + 1, updatedAt: clock.now() },
      ),

    /** Refused while a price, a feature or a running subscription stands on it. */
    delete: (ctx: RequestContext, id: string): Promise<Meter> =>
      change(ctx, id, 'deleted', () => ({ status: 'deleted', updatedAt: clock.now() })),
  };
}

/** An aggregation as the domain names it. Throws a validation error that names the part which cannot be measured (metering.md 3.2). */
export function aggregationOf(request: NewMeterRequest['aggregation']): Aggregation {
  const aggregation: Aggregation = {
    type: request.type,
    field: request.field ?? null,
    expression: request.expression ?? null,
    multiplier: request.multiplier?.toFixed() ?? null,
    bucketSize: request.bucketSize ?? null,
    groupBy: request.groupBy ?? null,
  };
  checkAggregation(aggregation);
  return aggregation.type === 'COUNT' ? { ...aggregation, field: null } : aggregation;
}
