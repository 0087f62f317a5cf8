import type { BillingCycle, RecurringPeriod } from '#kernel/calendar/period.ts';
import type { SettingOf } from '#kernel/setting.ts';

/** What is done for a customer that events name and nobody made; in this order. */
export type OnboardingAction =
  | { readonly action: 'create_customer' }
  | {
      readonly action: 'create_subscription';
      /** One of the two. */
      readonly plan_id?: string | undefined;
      readonly plan_lookup_key?: string | undefined;
      readonly currency: string;
      readonly billing_period: RecurringPeriod;
      readonly billing_period_count?: number | undefined;
      readonly billing_cycle?: BillingCycle | undefined;
      readonly metadata?: Readonly<Record<string, string>> | undefined;
    };
export interface CustomerOnboarding {
  readonly actions: readonly OnboardingAction[];
}

export const ONBOARDING_ACTIONS: SettingOf<CustomerOnboarding> = { key: 'customer_onboarding', fallback: { actions: [] } };
