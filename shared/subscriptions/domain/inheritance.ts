import type { DateTime } from 'luxon';
import { DomainError, invalid } from '#kernel/errors.ts';
import { earlier } from '#kernel/calendar/period.ts';
import { knownEnd } from './periods.ts';
import type { Subscription } from './subscription.ts';

/** Most customers that inherit one subscription: all of them are in each question about its usage, and in each transaction that changes it. */
export const MAX_INHERITORS = 1000;

/** When a customer's usage counts for the subscription that it inherits: from the start of the inherited one to its end (null: open). */
export function inheritedSpan(inherited: Pick<Subscription, 'startDate' | 'endDate' | 'cancelAt' | 'cancelledAt'>): {
  readonly start: DateTime;
  readonly end: DateTime | null;
} {
  const ends = [knownEnd(inherited), inherited.cancelledAt].filter((end) => end !== null);
  return { start: inherited.startDate, end: ends.length === 0 ? null : ends.reduce(earlier) };
}

/** Who is to inherit, and the name of the field that says so. */
export interface Inheritor {
  readonly customerId: string;
  readonly externalId: string;
  readonly field: string;
}

/**
 * Refuses a hierarchy of more than one level, and usage that would be billed twice under one plan. `related` are the running
 * subscriptions of all these customers that are part of a hierarchy. Throws a validation error or `already_exists`, with the field.
 */
export function requireOneLevel(
  owner: { readonly customerId: string; readonly field: string },
  inheritors: readonly Inheritor[],
  planId: string,
  related: readonly Subscription[],
): void {
  const above = related.find(({ customerId, subscriptionType }) => customerId === owner.customerId && subscriptionType === 'inherited');
  if (above)
    throw invalid(owner.field, 'the customer inherits a subscription itself, and a hierarchy has one level', { subscription_id: above.id });
  for (const { customerId, externalId, field } of inheritors) {
    if (customerId === owner.customerId) throw invalid(field, 'a customer cannot inherit its own subscription', { value: externalId });
    const own = related.filter((subscription) => subscription.customerId === customerId);
    const below = own.find(({ subscriptionType }) => subscriptionType === 'parent');
    if (below)
      throw invalid(field, 'the customer has a subscription that others inherit, and a hierarchy has one level', {
        value: externalId,
        subscription_id: below.id,
      });
    const twice = own.find((subscription) => subscription.subscriptionType === 'inherited' && subscription.planId === planId);
    if (twice)
      throw new DomainError('already_exists', `${field}: the customer inherits a subscription of this plan already`, {
        entity: 'subscription',
        field,
        value: externalId,
        subscription_id: twice.id,
      });
  }
}
