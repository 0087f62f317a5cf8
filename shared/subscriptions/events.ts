import { defineEvent } from '#platform/resource/events.ts';
import { SubscriptionBase } from './contracts/subscription.ts';

export const subscriptionEvents = {
  created: defineEvent('subscription.created', 'subscription', SubscriptionBase),
  updated: defineEvent('subscription.updated', 'subscription', SubscriptionBase),
  cancelled: defineEvent('subscription.cancelled', 'subscription', SubscriptionBase),
};
