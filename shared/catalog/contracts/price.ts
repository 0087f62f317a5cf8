import * as z from 'zod';
import { listQuery, queryFlag, queryList, searchBody } from '#kernel/pagination.ts';
import {
  amountInput,
  decimalText,
  entityBase,
  listOf,
  MAX_UINT64,
  metadataInput,
  metadataText,
  requiredText,
  text,
  timeInput,
  timeText,
  wholeInput,
  wholeNumber,
} from '#kernel/wire.ts';
import { blankable, MeterResponse } from '#metering/contracts/meter.ts';
import { PlanBase } from './plan-base.ts';

export const PRICE_ENTITY_TYPES = ['PLAN', 'SUBSCRIPTION', 'ADDON', 'PRICE', 'COSTSHEET'] as const;
export const BILLING_PERIODS = ['DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL', 'ONETIME'] as const;
const billingModel = z.enum(['FLAT_FEE', 'PACKAGE', 'TIERED']);
const tierMode = z.enum(['VOLUME', 'SLAB']);
/** Amounts go into one numeric column: 30 digits are more than any currency has a use for. */
const amount = amountInput
  .refine((value) => value.lt('1e18') && value.decimalPlaces() <= 30, 'must be below 1e18 and have at most 30 fraction digits')
  .meta({ type: 'string' });

export const PriceTier = z.object({ up_to: wholeInput(MAX_UINT64).nullish(), unit_amount: amount, flat_amount: blankable(amount) });
export const TransformQuantity = z.object({ divide_by: z.int().min(1).max(2_147_483_647), round: blankable(z.enum(['up', 'down'])) });
const tiers = z.array(PriceTier).max(1000).nullish();

/** What decides an amount: also what `override_line_items` of a subscription may say. */
export const priceTerms = {
  amount: blankable(amount),
  billing_model: billingModel,
  tier_mode: blankable(tierMode),
  tiers,
  transform_quantity: TransformQuantity.nullish(),
};

export const CreatePriceRequest = z.object({
  ...priceTerms,
  entity_type: z.enum(PRICE_ENTITY_TYPES),
  entity_id: requiredText,
  type: z.enum(['USAGE', 'FIXED']),
  currency: z.string().regex(/^[a-zA-Z]{3}$/, 'must be a three-letter currency code'),
  billing_period: z.enum(BILLING_PERIODS),
  billing_period_count: z.int().min(1).max(1000).nullish(),
  /** Only old clients send it; there is one value. */
  billing_cadence: blankable(z.enum(['RECURRING'])),
  invoice_cadence: z.enum(['ADVANCE', 'ARREAR']),
  meter_id: blankable(text),
  min_quantity: z.int().min(0).nullish(),
  trial_period_days: z.int().min(0).max(3660).nullish(),
  lookup_key: text.nullish(),
  display_name: text.nullish(),
  description: text.nullish(),
  group_id: text.nullish(),
  metadata: metadataInput.nullish(),
  start_date: timeInput.nullish(),
  end_date: timeInput.nullish(),
  price_unit_type: z.enum(['FIAT', 'CUSTOM']).default('FIAT'),
  price_unit_config: z.object({ price_unit: requiredText, amount: blankable(amount), price_unit_tiers: tiers }).nullish(),
  filter_values: z.record(z.string(), z.array(text)).nullish(),
});
export type CreatePriceRequest = z.output<typeof CreatePriceRequest>;
export const CreateBulkPriceRequest = z.object({ items: z.array(CreatePriceRequest).min(1).max(1000) });

/** A field that decides an amount ends the price at `effective_from` and makes its successor (billing.md 3.2). */
export const UpdatePriceRequest = z.object({
  ...priceTerms,
  billing_model: blankable(billingModel),
  effective_from: blankable(timeInput),
  display_name: text.nullish(),
  description: text.nullish(),
  lookup_key: text.nullish(),
  group_id: text.nullish(),
  metadata: metadataInput.nullish(),
  price_unit_amount: blankable(amount),
  price_unit_tiers: tiers,
});
export type UpdatePriceRequest = z.output<typeof UpdatePriceRequest>;
export const DeletePriceRequest = z.object({ end_date: blankable(timeInput) });

const TierText = z.object({ up_to: wholeNumber.optional(), unit_amount: decimalText, flat_amount: decimalText.optional() });
export const PriceResponse = entityBase.extend({
  entity_type: z.enum(PRICE_ENTITY_TYPES),
  entity_id: z.string(),
  type: z.string(),
  billing_model: billingModel,
  billing_period: z.enum(BILLING_PERIODS),
  billing_period_count: z.int(),
  billing_cadence: z.string(),
  invoice_cadence: z.string(),
  tier_mode: z.string().optional(),
  tiers: z.array(TierText).optional(),
  transform_quantity: z.object({ divide_by: z.int(), round: z.string() }).optional(),
  amount: decimalText.optional(),
  currency: z.string(),
  display_amount: z.string(),
  display_name: z.string().optional(),
  description: z.string().optional(),
  lookup_key: z.string().optional(),
  meter_id: z.string().optional(),
  meter: MeterResponse.optional(),
  plan: PlanBase.optional(),
  min_quantity: decimalText.optional(),
  trial_period_days: z.int(),
  parent_price_id: z.string().optional(),
  group_id: z.string().optional(),
  start_date: timeText.optional(),
  end_date: timeText.optional(),
  sequence: z.int(),
  price_unit_type: z.string(),
  price_unit_id: z.string().optional(),
  price_unit: z.string().optional(),
  price_unit_amount: decimalText.optional(),
  price_unit_tiers: z.array(TierText).optional(),
  conversion_rate: decimalText.optional(),
  metadata: metadataText,
});
export const ListPricesResponse = listOf(PriceResponse);
export const CreateBulkPriceResponse = z.object({ items: z.array(PriceResponse) });

export const PRICE_EXPAND = ['meters', 'meter', 'priceunit', 'plan', 'addons', 'groups'] as const;
export const PriceListQuery = listQuery({
  price_ids: queryList,
  plan_ids: queryList,
  entity_ids: queryList,
  meter_ids: queryList,
  entity_type: z.enum(PRICE_ENTITY_TYPES).optional(),
  subscription_id: text.optional(),
  parent_price_id: text.optional(),
  billing_periods: queryList.pipe(z.array(z.enum(BILLING_PERIODS)).optional()),
  start_date_lt: timeInput.optional(),
  allow_expired_prices: queryFlag,
});
const ids = z.array(text).max(1000).nullish();
export const PriceSearchRequest = searchBody({
  price_ids: ids,
  plan_ids: ids,
  entity_ids: ids,
  meter_ids: ids,
  entity_type: blankable(z.enum(PRICE_ENTITY_TYPES)),
  subscription_id: text.nullish(),
  parent_price_id: text.nullish(),
  billing_periods: z.array(z.enum(BILLING_PERIODS)).nullish(),
  start_date_lt: blankable(timeInput),
  allow_expired_prices: z.boolean().nullish(),
});
