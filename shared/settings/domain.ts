import type { RecurringPeriod, BillingCycle } from '#kernel/calendar/period.ts';
import type { EntityColumns } from '#kernel/wire.ts';

/** Settings whose behaviour exists. Others of FlexPrice's join them together with theirs. */
export const SETTING_KEYS = ['customer_onboarding', 'customer_portal_config', 'event_ingestion_filter'] as const;
export type SettingKey = (typeof SETTING_KEYS)[number];

/** Values are kept as JSON with the names of the wire, so that what is stored is what was said. */
export interface EventIngestionFilter {
  readonly enabled: boolean;
  readonly allowed_external_customer_ids: readonly string[];
}

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

/** What customers are shown in the portal. */
export interface CustomerPortalConfig {
  /** Their costs and margins are the seller's own, unless it says otherwise. */
  readonly cost_analytics_enabled: boolean;
}

export interface SettingValues {
  readonly event_ingestion_filter: EventIngestionFilter;
  readonly customer_onboarding: CustomerOnboarding;
  readonly customer_portal_config: CustomerPortalConfig;
}

/** What holds where nothing was set. */
export const SETTING_DEFAULTS: SettingValues = {
  event_ingestion_filter: { enabled: false, allowed_external_customer_ids: [] },
  customer_onboarding: { actions: [] },
  customer_portal_config: { cost_analytics_enabled: false },
};

/** A decision of a tenant about an environment. */
export interface Setting extends EntityColumns {
  readonly key: SettingKey;
  readonly value: SettingValues[SettingKey];
}

/**
 * External ids of the customers whose raw events are let in (metering.md 1.7), of a stored value of `event_ingestion_filter`.
 * Null: those of everybody, as without a value or with one that is not enabled.
 */
export function allowedCustomers(stored: unknown): ReadonlySet<string> | null {
  const filter = stored as EventIngestionFilter | null | undefined;
  return filter?.enabled === true ? new Set(filter.allowed_external_customer_ids) : null;
}
