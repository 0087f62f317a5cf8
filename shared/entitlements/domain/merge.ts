import { type Decimal, sum } from '#kernel/decimal.ts';
import type { Entitlement, ResetPeriod } from '#catalog/domain/entitlement.ts';
import type { FeatureType } from '#catalog/domain/feature.ts';

/** Shortest first, which settles ties (metering.md L2). */
const RESET_PERIODS: readonly ResetPeriod[] = ['DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL', 'NEVER'];

/** What merging looks at. */
export type EntitlementTerms = Pick<
  Entitlement,
  | 'id'
  | 'entityType'
  | 'featureId'
  | 'featureType'
  | 'isEnabled'
  | 'usageLimit'
  | 'usageResetPeriod'
  | 'isSoftLimit'
  | 'staticValue'
  | 'configValue'
  | 'parentEntitlementId'
>;

/** What all sources of one feature give together. */
export interface AggregatedEntitlement<Source extends EntitlementTerms = EntitlementTerms> {
  readonly featureId: string;
  readonly featureType: FeatureType;
  readonly isEnabled: boolean;
  /** Null is unlimited. Zero when no source is enabled. */
  readonly usageLimit: Decimal | null;
  readonly isSoftLimit: boolean;
  readonly usageResetPeriod: ResetPeriod | null;
  readonly staticValues: readonly string[];
  readonly configValues: readonly Readonly<Record<string, unknown>>[];
  /** What was merged: overridden parents are gone, disabled sources are still shown. */
  readonly sources: readonly Source[];
}

/**
 * Merges the entitlements of a subscription per feature, in order of first appearance (billing.md 3.7 "Merging").
 * A source that counts several times (an addon attached twice) is passed several times. Disabled sources give nothing.
 */
export function mergeEntitlements<Source extends EntitlementTerms>(sources: readonly Source[]): AggregatedEntitlement<Source>[] {
  const byId = new Map(sources.map((source) => [source.id, source]));
  const overridden = new Set(sources.map((source) => source.parentEntitlementId));
  const groups = Map.groupBy(
    sources.filter((source) => !overridden.has(source.id)),
    (source) => source.featureId,
  );
  const fromPlan = (source: Source) => (byId.get(source.parentEntitlementId ?? '') ?? source).entityType === 'PLAN';
  return [...groups].map(([featureId, members]) => mergeFeature(featureId, members, fromPlan));
}

function mergeFeature<Source extends EntitlementTerms>(
  featureId: string,
  sources: readonly Source[],
  fromPlan: (source: Source) => boolean,
): AggregatedEntitlement<Source> {
  const enabled = sources.filter((source) => source.isEnabled);
  return {
    featureId,
    featureType: (sources[0] as Source).featureType,
    isEnabled: enabled.length > 0,
    usageLimit: addLimits(enabled.map((source) => source.usageLimit)),
    isSoftLimit: enabled.some((source) => source.isSoftLimit),
    usageResetPeriod: commonReset(enabled, fromPlan),
    staticValues: [...new Set(enabled.flatMap((source) => source.staticValue ?? []))],
    configValues: enabled.map((source) => source.configValue).filter((value) => value !== null),
    sources,
  };
}

function addLimits(limits: readonly (Decimal | null)[]): Decimal | null {
  const finite = limits.filter((limit) => limit !== null);
  return finite.length < limits.length ? null : sum(finite);
}

/** The most frequent reset period; on a tie the plan's own if it is among the tied, otherwise the shortest. */
function commonReset<Source extends EntitlementTerms>(
  sources: readonly Source[],
  fromPlan: (source: Source) => boolean,
): ResetPeriod | null {
  const votes = Map.groupBy(
    sources.filter((source) => source.usageResetPeriod !== null),
    (source) => source.usageResetPeriod as ResetPeriod,
  );
  const most = Math.max(...[...votes.values()].map((voters) => voters.length));
  const tied = RESET_PERIODS.filter((period) => votes.get(period)?.length === most);
  return tied.find((period) => votes.get(period)?.some(fromPlan)) ?? tied[0] ?? null;
}
