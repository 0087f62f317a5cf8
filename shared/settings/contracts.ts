import * as z from 'zod';
import { currencyInput, metadataInput, requiredText, text, timeText } from '#kernel/wire.ts';
import { SETTING_KEYS, type SettingKey, type SettingValues } from './domain.ts';

/** A setting travels in one system event, and is held by every process that looks a key up. */
const VALUE_BYTES = 256 * 1024;
const MOST_ACTIONS = 20;

export const EventIngestionFilter = z.strictObject({
  enabled: z.boolean(),
  allowed_external_customer_ids: z.array(requiredText).max(10_000).default([]),
});

/** What is left out keeps its default, so that whoever sets one part need not know the others. */
export const CustomerPortalConfig = z.strictObject({ cost_analytics_enabled: z.boolean().default(false) });

const createCustomer = z.strictObject({ action: z.literal('create_customer') });
const createSubscription = z.strictObject({
  action: z.literal('create_subscription'),
  plan_id: requiredText.optional(),
  plan_lookup_key: requiredText.optional(),
  currency: currencyInput,
  billing_period: z.enum(['DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL']),
  billing_period_count: z.int().min(1).max(1000).optional(),
  billing_cycle: z.enum(['anniversary', 'calendar']).optional(),
  metadata: metadataInput.optional(),
});
/** Known to the clients, and without an effect until there are wallets. */
const createWallet = z.looseObject({ action: z.literal('create_wallet') });

const OnboardingAction = z.discriminatedUnion('action', [createCustomer, createSubscription, createWallet], {
  error: 'must be create_customer or create_subscription',
});
const actions = z
  .array(OnboardingAction)
  .max(MOST_ACTIONS)
  .superRefine((list, issues) => {
    const refuse = (index: number, field: string, message: string): void =>
      issues.addIssue({ code: 'custom', path: [index, field], message });
    for (const [index, each] of list.entries()) {
      if (each.action === 'create_wallet') refuse(index, 'action', 'create_wallet is not supported yet: there are no wallets');
      if (index === 0 && each.action !== 'create_customer') refuse(index, 'action', 'must be create_customer, which comes first');
      if (index > 0 && each.action === 'create_customer') refuse(index, 'action', 'create_customer comes first, and once');
      if (each.action === 'create_subscription' && (each.plan_id === undefined) === (each.plan_lookup_key === undefined))
        refuse(index, 'plan_id', 'either plan_id or plan_lookup_key is required');
    }
  });
/** A list of actions, or an object that holds it. */
export const CustomerOnboarding = z.preprocess((value) => (Array.isArray(value) ? { actions: value } : value), z.strictObject({ actions }));

/** What the value of each key must be. */
export const SETTING_VALUES: Readonly<Record<SettingKey, z.ZodType<SettingValues[SettingKey]>>> = {
  event_ingestion_filter: EventIngestionFilter,
  customer_onboarding: CustomerOnboarding as unknown as z.ZodType<SettingValues['customer_onboarding']>,
  customer_portal_config: CustomerPortalConfig,
};

export const SettingParams = z.object({ key: z.enum(SETTING_KEYS) });
export const UpdateSettingRequest = z.object({
  value: z
    .union([z.record(z.string(), z.unknown()), z.array(z.unknown())], { error: 'must be an object, or a list of actions' })
    .refine((value) => JSON.stringify(value).length <= VALUE_BYTES, `must not be longer than ${VALUE_BYTES} characters`),
});

/** What nobody set has neither an id nor times. */
export const SettingResponse = z.object({
  id: z.string().optional(),
  key: z.enum(SETTING_KEYS),
  value: z.record(z.string(), z.unknown()),
  tenant_id: z.string(),
  environment_id: z.string(),
  status: z.string(),
  created_at: timeText.optional(),
  updated_at: timeText.optional(),
  created_by: text.optional(),
  updated_by: text.optional(),
});
