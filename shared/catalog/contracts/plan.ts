import * as z from 'zod';
import { EntitlementResponse } from './entitlement.ts';
import { listOf, metadataInput, prose, requiredText, text } from '#kernel/wire.ts';
import { filtersOn } from '#platform/resource/filters.ts';
import { listing } from '#platform/resource/listing.ts';
import type { Plan } from '../domain/plan.ts';
import { PlanBase } from './plan-base.ts';
import { PriceResponse } from './price.ts';

export const CreatePlanRequest = z.object({
  name: requiredText,
  lookup_key: text.nullish(),
  description: prose.nullish(),
  display_order: z.int32().nullish(),
  metadata: metadataInput.nullish(),
});
export type CreatePlanRequest = z.output<typeof CreatePlanRequest>;

/** What is left out stays as it is; `metadata` is replaced whole. */
export const UpdatePlanRequest = CreatePlanRequest.partial();
export type UpdatePlanRequest = z.output<typeof UpdatePlanRequest>;

export const PlanResponse = PlanBase.extend({
  prices: z.array(PriceResponse).optional(),
  entitlements: z.array(EntitlementResponse).optional(),
  credit_grants: z.array(z.unknown()).optional(),
});
export const ListPlansResponse = listOf(PlanResponse);

export const PLAN_EXPAND = [
  'prices',
  'prices.meters',
  'prices.priceunit',
  'meters',
  'entitlements',
  'entitlements.features',
  'features',
  'credit_grant',
  'priceunit',
] as const;

const { inList, equals, holds } = filtersOn<Plan>();
export const PlanList = listing('plans', {
  filters: { plan_ids: inList('id'), lookup_key: equals('lookupKey') },
  searchFilters: { metadata: holds('metadata') },
  fields: { name: 'string', lookup_key: 'string', display_order: 'integer' },
});
export const PlanSearchRequest = PlanList.search;
