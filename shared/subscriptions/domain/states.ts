import { transitions } from '#kernel/transitions.ts';
import type { SubscriptionStatus } from './subscription.ts';

/**
 * What may be done with a subscription (billing.md 4). `close` is the end of a period that another one follows, `end` that of the
 * last one; `cancel` ends it now or, scheduled, with a later period; `inherit` lets another customer follow it.
 */
export const SUBSCRIPTION_STATES = transitions<SubscriptionStatus, 'close' | 'end' | 'cancel' | 'inherit'>({
  entity: 'subscription',
  field: 'subscription_status',
  operations: { close: 'closed', end: 'ended', cancel: 'cancelled', inherit: 'inherited' },
  table: {
    active: { close: 'active', end: 'cancelled', cancel: 'cancelled', inherit: 'active' },
    paused: {},
    cancelled: {},
    incomplete: {},
    trialing: {},
    draft: {},
  },
});

/** States of a subscription that is not over: what stands on it is in use. */
export const UNENDED: readonly SubscriptionStatus[] = SUBSCRIPTION_STATES.states.filter((state) => state !== 'cancelled');
