import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid, invalidOperation, notFound } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import { type Camelized, toWire } from '#kernel/wire.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import type { CloneFeatureRequest, CreateFeatureRequest, UpdateFeatureRequest } from '../contracts/feature.ts';
import { type AlertSettings, checkAlertSettings, type Feature } from '../domain/feature.ts';
import { type FeatureFilter, featureRepository, type NewFeature } from '../repository/feature.ts';

export interface FeatureDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly meters: MeterService;
  /** Whether an entitlement gives this feature: it then cannot be deleted. */
  readonly isInUse: (tx: TenantTransaction, featureId: string) => Promise<boolean>;
}
export type FeatureService = ReturnType<typeof createFeatureService>;

/** A feature as it is shown: a metered one with its meter. */
export interface FeatureView {
  readonly feature: Feature;
  readonly meter: Meter | null;
}

/** Use cases of features. Every change writes its system event in the same transaction. */
export function createFeatureService({ database, clock, meters, isInUse }: FeatureDependencies) {
  const publish = (tx: TenantTransaction, change: 'created' | 'updated' | 'deleted', feature: Feature) =>
    appendSystemEvent(tx, clock, {
      eventName: `feature.${change}`,
      entityType: 'feature',
      entityId: feature.id,
      payload: toWire(feature) as Record<string, unknown>,
    });

  const views = async (ctx: RequestContext, features: readonly Feature[]): Promise<FeatureView[]> => {
    const found = await meters.getMany(
      ctx,
      features.map((feature) => feature.meterId).filter((id) => id !== null),
    );
    const byId = new Map(found.map((meter) => [meter.id, meter]));
    return features.map((feature) => ({ feature, meter: byId.get(feature.meterId ?? '') ?? null }));
  };
  const view = async (ctx: RequestContext, feature: Feature): Promise<FeatureView> => (await views(ctx, [feature]))[0] as FeatureView;

  const insert = async (tx: TenantTransaction, columns: Omit<NewFeature, 'id' | 'createdAt' | 'updatedAt'>): Promise<Feature> => {
    const now = clock.now();
    const feature = await featureRepository.insert(tx, { ...columns, id: newId('feat', clock), createdAt: now, updatedAt: now });
    await publish(tx, 'created', feature);
    return feature;
  };

  return {
    /** Creates the feature and, from `meter`, its meter in one transaction. Throws `already_exists` for a lookup key or a meter that another feature has. */
    create: (ctx: RequestContext, request: Camelized<CreateFeatureRequest>): Promise<FeatureView> =>
      database.withTenant(ctx, async (tx) => {
        requireMeterChoice(request);
        requireNoGroup(request.groupId);
        const inside = { ...ctx, transaction: tx };
        const meter = request.meter
          ? await meters.createWithin(tx, request.meter)
          : request.meterId
            ? await meters.get(inside, request.meterId)
            : null;
        const feature = await insert(tx, {
          name: request.name,
          lookupKey: request.lookupKey || null,
          description: request.description || null,
          type: request.type,
          meterId: meter?.id ?? null,
          unitSingular: request.unitSingular || null,
          unitPlural: request.unitPlural || null,
          ...reportingColumns(request.reportingUnit),
          alertSettings: request.alertSettings ? alertSettings(request.alertSettings) : null,
          groupId: null,
          metadata: request.metadata ?? {},
        });
        return { feature, meter };
      }),

    /** A feature like this one, with a meter of its own that measures the same. Entitlements are not copied. Throws `already_exists` for a taken lookup key. */
    clone: (ctx: RequestContext, id: string, request: Camelized<CloneFeatureRequest>): Promise<FeatureView> =>
      database.withTenant(ctx, async (tx) => {
        const {
          type,
          meterId,
          unitSingular,
          unitPlural,
          reportingUnitSingular,
          reportingUnitPlural,
          reportingUnitConversionRate,
          alertSettings: alerts,
          groupId,
          ...source
        } = await featureRepository.get(tx, id);
        const meter = meterId === null ? null : await meters.cloneWithin(tx, meterId);
        const feature = await insert(tx, {
          name: request.name ?? source.name,
          lookupKey: request.lookupKey || null,
          description: (request.description ?? source.description) || null,
          metadata: request.metadata ?? source.metadata,
          type,
          meterId: meter?.id ?? null,
          unitSingular,
          unitPlural,
          reportingUnitSingular,
          reportingUnitPlural,
          reportingUnitConversionRate,
          alertSettings: alerts,
          groupId,
        });
        return { feature, meter };
      }),

    get: (ctx: RequestContext, id: string): Promise<FeatureView> =>
      database.withTenant(ctx, async (tx) => view({ ...ctx, transaction: tx }, await featureRepository.get(tx, id))),

    /** By id, else by lookup key. Throws NotFound. */
    getByReference: (ctx: RequestContext, reference: string): Promise<Feature> =>
      database.withTenant(ctx, (tx) => featureRepository.getByReference(tx, reference)),

    /** Those of the ids that exist, archived ones included, with their meters. */
    getMany: (ctx: RequestContext, ids: readonly string[]): Promise<FeatureView[]> =>
      database.withTenant(ctx, async (tx) => views({ ...ctx, transaction: tx }, await featureRepository.getMany(tx, ids))),

    /** The features that own these meters. */
    ofMeters: (ctx: RequestContext, meterIds: readonly string[]): Promise<Feature[]> =>
      database.withTenant(ctx, (tx) => featureRepository.byMeterIds(tx, meterIds)),

    /** `filters` go to the meter, which only ever gains some (metering.md 3.1). */
    update: (ctx: RequestContext, id: string, request: Camelized<UpdateFeatureRequest>): Promise<FeatureView> =>
      database.withTenant(ctx, async (tx) => {
        const before = await featureRepository.lock(tx, id);
        requireNoGroup(request.groupId);
        const inside = { ...ctx, transaction: tx };
        if (request.filters?.length) {
          if (before.meterId === null) throw invalid('filters', 'belong to metered features only');
          await meters.update(inside, before.meterId, { filters: request.filters });
        }
        const { name, description, unitSingular, unitPlural, metadata } = request;
        const feature = await featureRepository.update(
          tx,
          id,
          {
            ...(name === undefined ? {} : { name }),
            ...(description === undefined ? {} : { description: description || null }),
            ...(unitSingular === undefined ? {} : { unitSingular: unitSingular || null }),
            ...(unitPlural === undefined ? {} : { unitPlural: unitPlural || null }),
            ...(request.reportingUnit === undefined ? {} : reportingColumns(request.reportingUnit)),
            ...(request.alertSettings === undefined
              ? {}
              : { alertSettings: request.alertSettings && alertSettings(request.alertSettings) }),
            ...(metadata === undefined ? {} : { metadata: metadata ?? {} }),
            updatedAt: clock.now(),
          },
          ctx.actorId,
        );
        await publish(tx, 'updated', feature);
        return view(inside, feature);
      }),

    /** Archives the feature; its lookup key is free again. Its meter goes on counting: prices may refer to it. */
    delete: (ctx: RequestContext, id: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        await featureRepository.lock(tx, id);
        if (await isInUse(tx, id)) throw invalidOperation('feature is given by entitlements: delete them first', { feature_id: id });
        const feature = await featureRepository.update(tx, id, { status: 'archived', updatedAt: clock.now() }, ctx.actorId);
        await publish(tx, 'deleted', feature);
      }),

    list: (ctx: RequestContext, filter: FeatureFilter, options: ListOptions): Promise<Page<FeatureView>> =>
      database.withTenant(ctx, async (tx) => {
        const page = await featureRepository.list(tx, filter, options);
        return { ...page, items: await views({ ...ctx, transaction: tx }, page.items) };
      }),
  };
}

function requireMeterChoice({ type, meter, meterId }: Camelized<CreateFeatureRequest>): void {
  if (type !== 'metered') {
    if (meter || meterId) throw invalid(meter ? 'meter' : 'meter_id', 'belongs to metered features only');
    return;
  }
  if (meter && meterId) throw invalid('meter_id', 'must not be given together with meter');
  if (!meter && !meterId) throw invalid('meter', 'is required for a metered feature, or meter_id');
}

/** Groups are not part of this API yet, so no id can be one. */
function requireNoGroup(groupId: string | null | undefined): void {
  if (groupId) throw notFound('group', groupId);
}

function reportingColumns(unit: Camelized<CreateFeatureRequest>['reportingUnit']) {
  return {
    reportingUnitSingular: unit?.unitSingular ?? null,
    reportingUnitPlural: unit?.unitPlural ?? null,
    reportingUnitConversionRate: unit?.conversionRate ?? null,
  };
}

function alertSettings(request: NonNullable<Camelized<CreateFeatureRequest>['alertSettings']>): AlertSettings {
  const level = (given: typeof request.critical) => (given ? { threshold: given.threshold.toFixed(), condition: given.condition } : null);
  const settings = {
    alertEnabled: request.alertEnabled,
    critical: level(request.critical),
    warning: level(request.warning),
    info: level(request.info),
  };
  checkAlertSettings(settings);
  return settings;
}
