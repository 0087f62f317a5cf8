import { defineEvent } from '#platform/resource/events.ts';
import { EntitlementBase } from '#catalog/contracts/entitlement.ts';

export const entitlementEvents = {
  created: defineEvent('entitlement.created', 'entitlement', EntitlementBase),
  updated: defineEvent('entitlement.updated', 'entitlement', EntitlementBase),
  deleted: defineEvent('entitlement.deleted', 'entitlement', EntitlementBase),
};
