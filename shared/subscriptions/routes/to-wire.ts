import { shaped } from '#platform/resource/shape.ts';
import { decimal } from '#kernel/decimal.ts';
import type { SubscriptionLineItem } from '../domain/line-item.ts';
import { shownSubscription } from '../domain/subscription.ts';
import { SubscriptionLineItemResponse, SubscriptionResponse } from '../contracts/subscription.ts';
import type { SubscriptionView } from '../service/views.ts';

/** A subscription as the API shows it; parts that were not asked for are absent. */
export function subscriptionToWire({ subscription, items, customer, plan }: SubscriptionView): object {
  const lineItems = items?.map(({ item, price }) => ({ ...shownItem(item), price }));
  return shaped(SubscriptionResponse, { ...shownSubscription(subscription), customer, plan, lineItems }) as object;
}

export function lineItemToWire(item: SubscriptionLineItem): object {
  return shaped(SubscriptionLineItemResponse, shownItem(item)) as object;
}

/** The factor of a time bucket is a number, unlike that of its line (wire-rules.md section 8). */
function shownItem(item: SubscriptionLineItem): object {
  const commitmentTimeBuckets = item.commitmentTimeBuckets.map((bucket) => ({ ...bucket, overageFactor: decimal(bucket.overageFactor) }));
  return { ...item, commitmentTimeBuckets };
}
