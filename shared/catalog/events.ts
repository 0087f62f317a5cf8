import { defineEvent } from '#platform/resource/events.ts';
import { FeatureResponse } from './contracts/feature.ts';
import { PlanBase } from './contracts/plan-base.ts';
import { PriceBase } from './contracts/price.ts';

const FeatureBase = FeatureResponse.omit({ meter: true });

export const planEvents = {
  created: defineEvent('plan.created', 'plan', PlanBase),
  updated: defineEvent('plan.updated', 'plan', PlanBase),
  deleted: defineEvent('plan.deleted', 'plan', PlanBase),
};

export const featureEvents = {
  created: defineEvent('feature.created', 'feature', FeatureBase),
  updated: defineEvent('feature.updated', 'feature', FeatureBase),
  deleted: defineEvent('feature.deleted', 'feature', FeatureBase),
};

export const priceEvents = {
  created: defineEvent('price.created', 'price', PriceBase),
  updated: defineEvent('price.updated', 'price', PriceBase),
  deleted: defineEvent('price.deleted', 'price', PriceBase),
};
