import * as z from 'zod';
import { PriceResponse } from '#catalog/contracts/price.ts';
import { entityBase, listOf, metadataInput, metadataText, prose, requiredText, text, timeInput } from '#kernel/wire.ts';
import { filtersOn } from '#platform/resource/filters.ts';
import { listing } from '#platform/resource/listing.ts';
import type { Costsheet } from '../domain/costsheet.ts';

const shown = { lookup_key: text.max(255).nullish(), description: prose.nullish(), metadata: metadataInput.nullish() };
const name = requiredText.max(255);

export const CreateCostsheetRequest = z.object({ name, ...shown });
export type CreateCostsheetRequest = z.output<typeof CreateCostsheetRequest>;
/** What is left out stays as it is; `metadata` is replaced whole. */
export const UpdateCostsheetRequest = z.object({ name: name.optional(), ...shown });
export type UpdateCostsheetRequest = z.output<typeof UpdateCostsheetRequest>;

/** A cost sheet without its prices. */
export const CostsheetBase = entityBase.extend({
  name: z.string(),
  lookup_key: z.string().optional(),
  description: z.string().optional(),
  metadata: metadataText,
});
export const CostsheetResponse = CostsheetBase.extend({ prices: z.array(PriceResponse).optional() });
/** All but the active one and lists are wrapped. */
export const WrappedCostsheetResponse = z.object({ costsheet: CostsheetResponse });
export const DeleteCostsheetResponse = z.object({ message: z.string(), id: z.string() });
export const ListCostsheetResponse = listOf(CostsheetResponse);

export const COSTSHEET_EXPAND = ['prices', 'prices.meters'] as const;

const { inList, equals } = filtersOn<Costsheet>();
/** The keys of every search; clients that were made from FlexPrice's document send the names in camel case, and paging in an object of its own. */
export const CostsheetList = listing('costsheets', {
  filters: { costsheet_ids: inList('id'), lookup_key: equals('lookupKey'), name: equals('name') },
  searchFilters: { costsheetIDs: inList('id'), lookupKey: equals('lookupKey') },
  fields: { name: 'string', lookup_key: 'string' },
});
export const CostsheetSearchRequest = CostsheetList.search.safeExtend({
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
