import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid, notFound } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Page } from '#kernel/pagination.ts';
import type { Camelized } from '#kernel/wire.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { type Guards, guardPoint } from '#platform/resource/guards.ts';
import type { ListRequest } from '#platform/resource/listing.ts';
import { columns, given, mapOrEmpty, textOrNull } from '#platform/resource/patch.ts';
import { publish } from '#platform/resource/publish.ts';
import type { New } from '#platform/resource/table.ts';
import type { CloneFeatureRequest, CreateFeatureRequest, UpdateFeatureRequest } from '../contracts/feature.ts';
import { type AlertSettings, checkAlertSettings, type Feature, type FeatureView, featureView } from '../domain/feature.ts';
import { featureEvents } from '../events.ts';
import { featureRepository } from '../repository/feature.ts';

/** What stands on features guards this. */
export const FEATURE = guardPoint('feature');

export interface FeatureDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly meters: MeterService;
  readonly guards: Guards;
}
export type FeatureService = ReturnType<typeof createFeatureService>;

type AlertSettingsRequest = NonNullable<Camelized<CreateFeatureRequest>['alertSettings']>;
/** What creating and changing a feature have in common. */
const featureColumns = columns({
  name: given<string>,
  description: textOrNull,
  unitSingular: textOrNull,
  unitPlural: textOrNull,
  alertSettings: (settings: AlertSettingsRequest | null | undefined) => (settings ? alertSettings(settings) : null),
  metadata: mapOrEmpty,
});

/** Use cases of features. Every change writes its system event in the same transaction. */
export function createFeatureService({ database, clock, meters, guards }: FeatureDependencies) {
  const views = async (ctx: RequestContext, features: readonly Feature[]): Promise<FeatureView[]> => {
    const found = await meters.getMany(
      ctx,
      features.map((feature) => feature.meterId).filter((id) => id !== null),
    );
    const byId = new Map(found.map((meter) => [meter.id, meter]));
    return features.map((feature) => featureView(feature, byId.get(feature.meterId ?? '') ?? null));
  };
  const view = async (ctx: RequestContext, feature: Feature): Promise<FeatureView> => (await views(ctx, [feature]))[0] as FeatureView;

  const insert = async (
    tx: TenantTransaction,
    meter: Meter | null,
    values: Omit<New<Feature>, 'id' | 'meterId' | 'createdAt' | 'updatedAt'>,
  ): Promise<FeatureView> => {
    const now = clock.now();
    const meterId = meter?.id ?? null;
    const feature = await featureRepository.insert(tx, { ...values, meterId, id: newId('feat', clock), createdAt: now, updatedAt: now });
    const view = featureView(feature, meter);
    await publish(tx, clock, featureEvents.created, view);
    return view;
  };

  return {
    /** Creates the feature and, from `meter`, its meter in one transaction. Throws `already_exists` for a lookup key or a meter that another feature has. */
    create: (ctx: RequestContext, request: Camelized<CreateFeatureRequest>): Promise<FeatureView> =>
      database.withTenant(ctx, async (tx) => {
        requireMeterChoice(request);
        requireNoGroup(request.groupId);
        const meter = request.meter
          ? await meters.createWithin(tx, request.meter)
          : request.meterId
            ? await meters.getHeld(tx, request.meterId)
            : null;
        return insert(tx, meter, {
          ...featureColumns.created(request),
          type: request.type,
          lookupKey: request.lookupKey || null,
          ...reportingColumns(request.reportingUnit),
          groupId: null,
        });
      }),

    /** A feature like this one, with a meter of its own that measures the same. Entitlements are not copied. Throws `already_exists` for a taken lookup key. */
    clone: (ctx: RequestContext, id: string, request: Camelized<CloneFeatureRequest>): Promise<FeatureView> =>
      database.withTenant(ctx, async (tx) => {
        const {
          tenantId: _t,
          environmentId: _e,
          status: _s,
          createdBy: _c,
          updatedBy: _u,
          ...source
        } = await featureRepository.get(tx, id);
        const meter = source.meterId === null ? null : await meters.cloneWithin(tx, source.meterId);
        return insert(tx, meter, {
          ...source,
          name: request.name ?? source.name,
          lookupKey: request.lookupKey || null,
          description: (request.description ?? source.description) || null,
          metadata: request.metadata ?? source.metadata,
        });
      }),

    get: (ctx: RequestContext, id: string): Promise<FeatureView> =>
      database.withTenant(ctx, async (tx) => view({ ...ctx, transaction: tx }, await featureRepository.get(tx, id))),

    /** By id, else by lookup key. Throws NotFound. */
    getByReference: (ctx: RequestContext, reference: string): Promise<Feature> =>
      database.withTenant(ctx, (tx) => featureRepository.getByReference(tx, reference)),

    /** Whether a feature measures by the meter. */
    isMeasuredBy: async (tx: TenantTransaction, meterId: string): Promise<boolean> =>
      (await featureRepository.byMeterIds(tx, [meterId])).length > 0,

    /** Those of the ids that exist, archived ones included, with their meters. */
    getMany: (ctx: RequestContext, ids: readonly string[]): Promise<FeatureView[]> =>
      database.withTenant(ctx, async (tx) => views({ ...ctx, transaction: tx }, await featureRepository.getMany(tx, ids))),

    /** The features that own these meters. */
    ofMeters: (ctx: RequestContext, meterIds: readonly string[]): Promise<Feature[]> =>
      database.withTenant(ctx, (tx) => featureRepository.byMeterIds(tx, meterIds)),

    /** Also features that were deleted since. */
    everOfMeters: (ctx: RequestContext, meterIds: readonly string[]): Promise<Feature[]> =>
      database.withTenant(ctx, (tx) => featureRepository.everByMeterIds(tx, meterIds)),

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
        const feature = await featureRepository.update(tx, id, {
          ...featureColumns.changed(request),
          ...(request.reportingUnit === undefined ? {} : reportingColumns(request.reportingUnit)),
          updatedAt: clock.now(),
        });
        const shown = await view(inside, feature);
        await publish(tx, clock, featureEvents.updated, shown);
        return shown;
      }),

    /** Archives the feature; its lookup key is free again. Its meter goes on counting: prices may refer to it. */
    delete: (ctx: RequestContext, id: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        await featureRepository.lock(tx, id);
        await guards.check(tx, FEATURE, id, 'delete');
        const feature = await featureRepository.update(tx, id, { status: 'archived', updatedAt: clock.now() });
        await publish(tx, clock, featureEvents.deleted, featureView(feature, null));
      }),

    list: (ctx: RequestContext, request: ListRequest): Promise<Page<FeatureView>> =>
      database.withTenant(ctx, async (tx) => {
        const page = await featureRepository.list(tx, request);
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

function alertSettings(request: AlertSettingsRequest): AlertSettings {
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
