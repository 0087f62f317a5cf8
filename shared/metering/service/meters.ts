import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import { type Camelized, toWire } from '#kernel/wire.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import type { CreateMeterRequest, UpdateMeterRequest } from '../contracts/meter.ts';
import { type Aggregation, checkAggregation, type Meter, unionFilters } from '../domain/meter.ts';
import { type MeterListFilter, meterRepository } from '../repository/meters.ts';

export interface MeterDependencies { readonly database: Database; readonly clock: Clock }
export type MeterService = ReturnType<typeof createMeterService>;
export type NewMeterRequest = Camelized<CreateMeterRequest>;

/** A meter as the API shows it: what only the engine needs is left out. */
export function meterToWire({ disabledAt: _, version: __, ...meter }: Meter): Record<string, unknown> {
  return toWire(meter) as Record<string, unknown>;
}

/** Use cases of meters. Every change writes its system event in the same transaction. */
export function createMeterService({ database, clock }: MeterDependencies) {
  const publish = (tx: TenantTransaction, change: 'created' | 'updated' | 'disabled' | 'deleted', meter: Meter) =>
    appendSystemEvent(tx, clock, { eventName: `meter.${change}`, entityType: 'meter', entityId: meter.id, payload: meterToWire(meter) });

  /** Creates a meter in a transaction that is running: a metered feature and its meter commit together. */
  const createWithin = async (tx: TenantTransaction, request: NewMeterRequest): Promise<Meter> => {
    const now = clock.now();
    const meter = await meterRepository.insert(tx, {
      id: newId('meter', clock), name: request.name, eventName: request.eventName, aggregation: aggregationOf(request.aggregation),
      filters: unionFilters([], request.filters ?? []), resetUsage: request.resetUsage, disabledAt: null, version: 1, createdAt: now, updatedAt: now,
    });
    await publish(tx, 'created', meter);
    return meter;
  };

  const change = (ctx: RequestContext, id: string, kind: 'updated' | 'disabled' | 'deleted', next: (meter: Meter) => Parameters<typeof meterRepository.update>[2] | null): Promise<Meter> =>
    database.withTenant(ctx, async (tx) => {
      const before = await meterRepository.lock(tx, id);
      const values = next(before);
      if (values === null) return before;
      const meter = await meterRepository.update(tx, id, values, ctx.actorId);
      await publish(tx, kind, meter);
      return meter;
    });

  return {
    createWithin,

    /** Throws a validation error that names the part of the definition which cannot be measured (metering.md 3.2). */
    create: (ctx: RequestContext, request: NewMeterRequest): Promise<Meter> => database.withTenant(ctx, (tx) => createWithin(tx, request)),

    get: (ctx: RequestContext, id: string): Promise<Meter> => database.withTenant(ctx, (tx) => meterRepository.get(tx, id)),

    /** Those of the ids that exist. */
    getMany: (ctx: RequestContext, ids: readonly string[]): Promise<Meter[]> => database.withTenant(ctx, (tx) => meterRepository.findByIds(tx, ids)),

    /** Meters that count events of this name, disabled ones included. */
    forEventName: (ctx: RequestContext, eventName: string): Promise<Meter[]> => database.withTenant(ctx, (tx) => meterRepository.findByEventName(tx, eventName)),

    /** Meters that count events of any of these names, oldest first. */
    forEventNames: (ctx: RequestContext, eventNames: readonly string[]): Promise<Meter[]> => database.withTenant(ctx, (tx) => meterRepository.findByEventNames(tx, eventNames)),

    list: (ctx: RequestContext, filter: MeterListFilter, options: ListOptions): Promise<Page<Meter>> =>
      database.withTenant(ctx, (tx) => meterRepository.list(tx, filter, options)),

    /** Adds filters and values to the existing ones. Usage changes for past events, too: it follows from the definition (M2). */
    update: (ctx: RequestContext, id: string, request: Camelized<UpdateMeterRequest>): Promise<Meter> =>
      change(ctx, id, 'updated', (meter) => ({ filters: unionFilters(meter.filters, request.filters), version: meter.version + 1, updatedAt: clock.now() })),

    /** Stops counting at this moment; earlier usage stays. Disabling again changes nothing. */
    disable: (ctx: RequestContext, id: string): Promise<Meter> =>
      change(ctx, id, 'disabled', (meter) => (meter.disabledAt !== null ? null
        : { disabledAt: clock.now(), status: 'archived', version: meter.version + 1, updatedAt: clock.now() })),

    delete: (ctx: RequestContext, id: string): Promise<Meter> =>
      change(ctx, id, 'deleted', () => ({ status: 'deleted', updatedAt: clock.now() })),
  };
}

function aggregationOf(request: NewMeterRequest['aggregation']): Aggregation {
  if (request.expression) throw invalid('aggregation.expression', 'is not supported, name a field');
  const aggregation: Aggregation = {
    type: request.type, field: request.field ?? null, multiplier: request.multiplier?.toFixed() ?? null,
    bucketSize: request.bucketSize ?? null, groupBy: request.groupBy ?? null,
  };
  checkAggregation(aggregation);
  return aggregation.type === 'COUNT' ? { ...aggregation, field: null } : aggregation;
}
