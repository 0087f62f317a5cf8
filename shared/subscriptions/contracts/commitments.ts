import * as z from 'zod';
import { BILLING_PERIODS, priceTerms } from '#catalog/contracts/price.ts';
import { amountInput, decimalInput, text } from '#kernel/wire.ts';
import { blankable } from '#metering/contracts/meter.ts';

const committed = amountInput
  .refine((value) => value.lt('1e18') && value.decimalPlaces() <= 30, 'must be below 1e18 and have at most 30 fraction digits')
  .meta({ type: 'number' });
const factor = decimalInput
  .refine((value) => value.gte(1) && value.lt('1e6') && value.decimalPlaces() <= 30, 'must be at least 1')
  .meta({ type: 'number' });
const commitmentType = z.enum(['amount', 'quantity']);
const timeOfDay = z.object({ hour: z.int().min(0).max(24).nullish(), minute: z.int().min(0).max(59).nullish() });

/** A part of the day with a commitment and, if it has one, a price of its own: what else a price has is the line's. */
export const CommitmentBucketRequest = z.object({
  start: timeOfDay,
  end: timeOfDay,
  commitment_type: blankable(commitmentType),
  commitment_value: committed.meta({ type: 'string' }),
  overage_factor: blankable(factor.meta({ type: 'string' })),
  true_up_enabled: z.boolean().nullish(),
  price: z
    .object({
      ...priceTerms,
      billing_model: blankable(priceTerms.billing_model),
      currency: blankable(text),
      meter_id: blankable(text),
      price_unit_type: blankable(z.enum(['FIAT'])),
    })
    .nullish(),
});
/** What the customer commits to on the line of a price (metering.md 7). */
export const LineItemCommitmentConfig = z.object({
  commitment_type: blankable(commitmentType),
  commitment_amount: blankable(committed),
  commitment_quantity: blankable(committed),
  commitment_duration: blankable(z.enum(BILLING_PERIODS)),
  overage_factor: blankable(factor),
  enable_true_up: z.boolean().nullish(),
  is_window_commitment: z.boolean().nullish(),
  commitment_time_buckets: z.array(CommitmentBucketRequest).max(96).nullish(),
});
