import * as z from 'zod';
import { decimalText, timeText } from '#kernel/wire.ts';

const step = z.object({
  quantity: decimalText,
  unit_amount: decimalText,
  flat_amount: decimalText,
  amount: decimalText,
  tier_index: z.int(),
});
const reading = z.object({
  period: z.object({ start: timeText, end: timeText }),
  value: decimalText,
  event_count: z.int(),
  watermark: timeText.optional(),
});

/** Of what stands beside the line because it is long: how many there are. They have a list of their own. */
const beside = z.object({ count: z.int(), digest: z.string() });

/** A customer that inherits the subscription: its events count from the start to the end, if there is one. */
const customerSpan = z.object({ external_customer_id: z.string(), start: timeText, end: timeText.optional() });

/** The parts add up to the amount of the line or item that they stand on. */
export const CommitmentInfo = z.object({
  type: z.string().optional(),
  amount: decimalText.optional(),
  quantity: decimalText.optional(),
  duration: z.string().optional(),
  overage_factor: decimalText.optional(),
  true_up_enabled: z.boolean(),
  is_windowed: z.boolean(),
  computed_commitment_utilized_amount: decimalText,
  computed_overage_amount: decimalText,
  computed_true_up_amount: decimalText,
});
const split = { base: decimalText, utilized: decimalText, overage: decimalText, true_up: decimalText, charge: decimalText };
const share = z.object({ numerator_seconds: decimalText, denominator_seconds: decimalText });
const commitment = z.object({ amount: decimalText, overage_factor: decimalText, true_up: z.boolean() });
const clockReading = z.object({ hour: z.int(), minute: z.int() });
/** A window of a commitment, charged on its own. */
export const CommittedWindowResponse = z.object({
  ...split,
  start: timeText,
  bucket_id: z.string().optional(),
  is_elapsed: z.boolean().optional(),
  quantities: z.array(decimalText),
});
const commitmentCalculation = z.object({
  ...split,
  info: CommitmentInfo,
  line: commitment.optional(),
  committed: decimalText,
  lived: share.optional(),
  time_buckets: z.array(
    z.object({
      id: z.string(),
      start: clockReading,
      end: clockReading,
      price: z.looseObject({ id: z.string() }),
      commitment: commitment.optional(),
    }),
  ),
  windows: z.array(CommittedWindowResponse).optional(),
  windows_beside: beside.optional(),
  empty_windows: z.array(z.object({ bucket_id: z.string().optional(), count: z.int() })),
});

/** What an amount was made from. Beyond the original wire: every number can be explained. */
export const LineCalculation = z.object({
  price: z.looseObject({
    id: z.string(),
    billing_model: z.string(),
    billing_period: z.string().optional(),
    billing_period_count: z.int().optional(),
    sequence: z.int(),
  }),
  usage: z
    .object({
      meter: z.looseObject({ id: z.string(), version: z.int() }),
      external_customer_id: z.string(),
      inherited: z.array(customerSpan).optional(),
      readings: z.array(reading),
      buckets: z.array(decimalText).optional(),
      buckets_beside: beside.optional(),
    })
    .optional(),
  entitlement: z
    .object({
      sources: z.array(z.string()),
      limit: decimalText.optional(),
      reset: z.string().optional(),
      rule: z.string(),
      pieces: z
        .array(
          z.object({
            period: z.object({ start: timeText, end: timeText }),
            since: timeText,
            limit: decimalText.optional(),
            before: decimalText,
            until: decimalText,
          }),
        )
        .optional(),
    })
    .optional(),
  quantity_before_entitlement: decimalText,
  quantity: decimalText,
  steps: z.array(step),
  commitment: commitmentCalculation.optional(),
  proration: share.optional(),
  unrounded_amount: decimalText,
  rounding: z.object({ currency: z.string(), digits: z.int(), mode: z.string() }),
  amount: decimalText,
});
