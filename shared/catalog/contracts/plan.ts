import * as z from 'zod';
import { EntitlementResponse } from '#entitlements/contracts.ts';
import { listQuery, queryList, searchBody } from '#kernel/pagination.ts';
import { listOf, metadataInput, requiredText, text } from '#kernel/wire.ts';
import { PlanBase } from './plan-base.ts';
import { PriceResponse } from './price.ts';

export const CreatePlanRequest = z.object({
  name: requiredText,
  lookup_key: text.nullish(),
  description: text.nullish(),
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
export const PlanListQuery = listQuery({ plan_ids: queryList, lookup_key: text.optional() });
export const PlanSearchRequest = searchBody({
  plan_ids: z.array(text).max(1000).nullish(),
  lookup_key: text.nullish(),
  metadata: metadataInput.nullish(),
});
