import * as z from 'zod';
import { PriceResponse } from '#catalog/contracts/price.ts';
import { searchBody } from '#kernel/pagination.ts';
import { entityBase, listOf, metadataInput, metadataText, requiredText, text, timeInput } from '#kernel/wire.ts';

const shown = { lookup_key: text.max(255).nullish(), description: text.nullish(), metadata: metadataInput.nullish() };
const name = requiredText.max(255);

export const CreateCostsheetRequest = z.object({ name, ...shown });
export type CreateCostsheetRequest = z.output<typeof CreateCostsheetRequest>;
/** What is left out stays as it is; `metadata` is replaced whole. */
export const UpdateCostsheetRequest = z.object({ name: name.optional(), ...shown });
export type UpdateCostsheetRequest = z.output<typeof UpdateCostsheetRequest>;

export const CostsheetResponse = entityBase.extend({
  name: z.string(),
  lookup_key: z.string().optional(),
  description: z.string().optional(),
  metadata: metadataText,
  prices: z.array(PriceResponse).optional(),
});
/** All but the active one and lists are wrapped. */
export const WrappedCostsheetResponse = z.object({ costsheet: CostsheetResponse });
export const DeleteCostsheetResponse = z.object({ message: z.string(), id: z.string() });
export const ListCostsheetResponse = listOf(CostsheetResponse);

export const COSTSHEET_EXPAND = ['prices', 'prices.meters'] as const;
export const CostsheetQuery = z.object({ expand: z.string().max(512).optional() });

const ids = z.array(text).max(1000).nullish();
/** The keys of every search; clients that were made from FlexPrice's document send the names in camel case, and paging in an object of its own. */
export const CostsheetSearchRequest = searchBody({
  costsheet_ids: ids,
  costsheetIDs: ids,
  lookup_key: text.nullish(),
  lookupKey: text.nullish(),
  name: text.nullish(),
  queryFilter: z
    .object({
      limit: z.int().min(1).max(1000).optional(),
      offset: z.int().min(0).max(1_000_000_000).optional(),
      status: z.enum(['published', 'archived', 'deleted']).optional(),
      sort: z.string().max(64).optional(),
      order: z.enum(['asc', 'desc']).optional(),
      expand: z.string().max(512).optional(),
    })
    .nullish(),
  timeRangeFilter: z
    .object({ start_time: timeInput.optional(), end_time: timeInput.optional() })
    .refine(({ start_time, end_time }) => !start_time || !end_time || end_time >= start_time, {
      path: ['end_time'],
      error: 'must not be before start_time',
    })
    .nullish(),
});
export type CostsheetSearchRequest = z.output<typeof CostsheetSearchRequest>;
