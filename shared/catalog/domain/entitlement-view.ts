import type { FeatureView } from './feature.ts';
import type { Entitlement } from './entitlement.ts';

/** An entitlement as it is shown; `feature` is null unless asked for. */
export interface EntitlementView extends Entitlement {
  readonly planId: string | null;
  readonly feature: FeatureView | null;
}

export function entitlementView(entitlement: Entitlement, feature: FeatureView | null): EntitlementView {
  return { ...entitlement, planId: entitlement.entityType === 'PLAN' ? entitlement.entityId : null, feature };
}
