import * as z from 'zod';
import { currencyInput, metadataInput, requiredText } from '#kernel/wire.ts';
import { defineSetting } from '#module/setting.ts';
import { ONBOARDING_ACTIONS, type CustomerOnboarding as OnboardingPlan } from './domain/setting.ts';

const MOST_ACTIONS = 20;

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

export const settingDefinitions = [defineSetting(ONBOARDING_ACTIONS, CustomerOnboarding as unknown as z.ZodType<OnboardingPlan>)];
