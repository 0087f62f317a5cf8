import * as z from 'zod';
import { requiredText, text, timeInput } from '#kernel/wire.ts';
import { blankable } from '#metering/contracts/meter.ts';
import { filtersOn, oneValue, shows } from '#platform/resource/filters.ts';
import { listing } from '#platform/resource/listing.ts';
import type { Subscription } from '../domain/subscription.ts';
import { PERIODS, STATUSES, TYPES } from './subscription.ts';

export const SUBSCRIPTION_EXPAND = [
  'plan',
  'plan.prices',
  'customer',
  'prices',
  'prices.meters',
  'schedule',
  'coupon_associations',
  'coupon_associations.coupon',
  'coupon',
  'subscription_line_items',
  'subscription_line_items.prices',
  'subscription_line_items.meters',
  'entitlements',
] as const;
export const SubscriptionQuery = z.object({ expand: z.string().max(512).optional() });

const { inList, equals } = filtersOn<Subscription>();
export const SubscriptionList = listing('subscriptions', {
  filters: {
    subscription_ids: inList('id'),
    customer_id: equals('customerId'),
    customer_ids: inList('customerId'),
    external_customer_id: oneValue(text, () => []),
    plan_id: equals('planId'),
    subscription_status: inList('subscriptionStatus', z.enum(STATUSES)),
    subscription_type: inList('subscriptionType', z.enum(TYPES)),
    billing_period: inList('billingPeriod', z.enum(PERIODS)),
    billing_cadence: inList('billingCadence', z.enum(['RECURRING'])),
    parent_subscription_ids: inList('parentSubscriptionId'),
    active_at: oneValue(timeInput, (value) => [
      { column: 'startDate', is: 'lte', value },
      { column: 'endDate', is: 'openAfter', value },
    ]),
    with_line_items: shows,
  },
  fields: {
    customer_id: 'string',
    plan_id: 'string',
    lookup_key: 'string',
    subscription_status: 'string',
    subscription_type: 'string',
    parent_subscription_id: 'string',
    currency: 'string',
    billing_cycle: 'string',
    billing_period: 'string',
    start_date: 'date',
    end_date: 'date',
    current_period_start: 'date',
    current_period_end: 'date',
    cancel_at: 'date',
    cancelled_at: 'date',
    billing_anchor: 'date',
    version: 'integer',
  },
});
export const SubscriptionSearchRequest = SubscriptionList.search;

export const GetUsageBySubscriptionRequest = z.object({
  subscription_id: requiredText,
  start_time: blankable(timeInput),
  end_time: blankable(timeInput),
  lifetime_usage: z.boolean().nullish(),
});
