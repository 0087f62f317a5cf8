import { featureToWire } from '#catalog/routes/to-wire.ts';
import type { FeatureView } from '#catalog/service/feature.ts';
import { toWire, wireNumber } from '#kernel/wire.ts';
import type { Entitlement } from './domain/entitlement.ts';

/** An entitlement as the API shows it: the limit is an integer, and absent when there is none. */
export function entitlementToWire({
  entitlement,
  feature,
}: {
  readonly entitlement: Entitlement;
  readonly feature: FeatureView | null;
}): unknown {
  return {
    ...(toWire({ ...entitlement, usageLimit: entitlement.usageLimit && wireNumber(entitlement.usageLimit) }) as object),
    ...(entitlement.entityType === 'PLAN' && { plan_id: entitlement.entityId }),
    ...(feature && { feature: featureToWire(feature) }),
  };
}
