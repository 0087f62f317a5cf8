import { invalid } from '#kernel/errors.ts';
import type { Entitlement } from '#catalog/domain/entitlement.ts';
import type { FeatureType } from '#catalog/domain/feature.ts';

/** What an entitlement says, apart from whose it is. */
export type EntitlementValues = Pick<
  Entitlement,
  'isEnabled' | 'usageLimit' | 'usageResetPeriod' | 'isSoftLimit' | 'staticValue' | 'configValue'
>;

/** Throws a validation error unless the values are those of the feature's type: a limit is metered, a static feature has its value. */
export function checkEntitlementValues(type: FeatureType, values: EntitlementValues): void {
  if (type !== 'metered' && values.usageLimit !== null) throw invalid('usage_limit', 'belongs to metered features only');
  if (type !== 'static' && values.staticValue !== null) throw invalid('static_value', 'belongs to static features only');
  if (type !== 'config' && values.configValue !== null) throw invalid('config_value', 'belongs to config features only');
  if (type === 'static' && values.staticValue === null) throw invalid('static_value', 'is required for a static feature');
  if (type === 'config' && values.configValue === null) throw invalid('config_value', 'is required for a config feature');
}
