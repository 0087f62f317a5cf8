import * as z from 'zod';
import { recordOf } from '#kernel/records.ts';
import {
  amountInput,
  currencyCode,
  decimalText,
  entityBase,
  listOf,
  MAX_UINT64,
  metadataInput,
  metadataText,
  prose,
  requiredText,
  text,
  timeInput,
  timeText,
  wholeInput,
  wholeNumber,
} from '#kernel/wire.ts';
import { blankable, MeterResponse } from '#metering/contracts/meter.ts';
import type { Condition } from '#platform/resource/conditions.ts';
import { filtersOn, manyValues, oneValue, shows } from '#platform/resource/filters.ts';
import { listing } from '#platform/resource/listing.ts';
import type { Price } from '../domain/price.ts';
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
  currency: currencyCode,
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
  description: prose.nullish(),
  group_id: text.nullish(),
  metadata: metadataInput.nullish(),
  start_date: timeInput.nullish(),
  end_date: timeInput.nullish(),
  price_unit_type: z.enum(['FIAT', 'CUSTOM']).default('FIAT'),
  price_unit_config: z.object({ price_unit: requiredText, amount: blankable(amount), price_unit_tiers: tiers }).nullish(),
  filter_values: recordOf(z.string(), z.array(text)).nullish(),
});
export type CreatePriceRequest = z.output<typeof CreatePriceRequest>;
export const CreateBulkPriceRequest = z.object({ items: z.array(CreatePriceRequest).min(1).max(1000) });

/** A field that decides an amount ends the price at `effective_from` and makes its successor (billing.md 3.2). */
export const UpdatePriceRequest = z.object({
  ...priceTerms,
  billing_model: blankable(billingModel),
  effective_from: blankable(timeInput),
  display_name: text.nullish(),
  description: prose.nullish(),
  lookup_key: text.nullish(),
  group_id: text.nullish(),
  metadata: metadataInput.nullish(),
  price_unit_amount: blankable(amount),
  price_unit_tiers: tiers,
});
export type UpdatePriceRequest = z.output<typeof UpdatePriceRequest>;
export const DeletePriceRequest = z.object({ end_date: blankable(timeInput) });

const TierText = z.object({ up_to: wholeNumber.optional(), unit_amount: decimalText, flat_amount: decimalText.optional() });
/** A price without what it refers to. */
export const PriceBase = entityBase.extend({
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
export const PriceResponse = PriceBase.extend({ meter: MeterResponse.optional(), plan: PlanBase.optional() });
export const ListPricesResponse = listOf(PriceResponse);
export const CreateBulkPriceResponse = z.object({ items: z.array(PriceResponse) });

export const PRICE_EXPAND = ['meters', 'meter', 'priceunit', 'plan', 'addons', 'groups'] as const;

const { inList, equals, before } = filtersOn<Price>();
const ofOwner = (entityType: Price['entityType'], entityIds: readonly string[]): readonly Condition[] => [
  { column: 'entityType', is: 'eq', value: entityType },
  { column: 'entityId', is: 'in', values: entityIds },
];
export const PriceList = listing('prices', {
  filters: {
    price_ids: inList('id'),
    plan_ids: manyValues(text, (ids) => ofOwner('PLAN', ids)),
    entity_ids: inList('entityId'),
    meter_ids: inList('meterId'),
    entity_type: equals('entityType', z.enum(PRICE_ENTITY_TYPES)),
    subscription_id: oneValue(text, (id) => ofOwner('SUBSCRIPTION', [id])),
    parent_price_id: equals('parentPriceId'),
    billing_periods: inList('billingPeriod', z.enum(BILLING_PERIODS)),
    start_date_lt: before('startDate'),
    allow_expired_prices: shows,
  },
  fields: {
    entity_type: 'string',
    entity_id: 'string',
    type: 'string',
    billing_model: 'string',
    billing_period: 'string',
    billing_period_count: 'integer',
    invoice_cadence: 'string',
    tier_mode: 'string',
    amount: 'number',
    currency: 'string',
    display_name: 'string',
    lookup_key: 'string',
    meter_id: 'string',
    parent_price_id: 'string',
    price_unit_type: 'string',
    sequence: 'integer',
    start_date: 'date',
    end_date: 'date',
  },
});
export const PriceSearchRequest = PriceList.search;
