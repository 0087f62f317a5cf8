import { toWire, wireNumber } from '#kernel/wire.ts';
import type { EntitlementSource } from '../service/summary.ts';

/** One source of a customer's right to a feature, as the API shows it. */
export function sourceToWire({
  id,
  entityId,
  entityName,
  entityType,
  subscriptionId,
  isEnabled,
  usageLimit,
  usageResetPeriod,
  staticValue,
  configValue,
}: EntitlementSource): unknown {
  return toWire({
    entitlementId: id,
    entityId,
    entityType: entityType.toLowerCase(),
    entityName,
    subscriptionId,
    quantity: 1,
    isEnabled,
    usageLimit: usageLimit && wireNumber(usageLimit),
    usageResetPeriod,
    staticValue,
    configValue,
  });
}
