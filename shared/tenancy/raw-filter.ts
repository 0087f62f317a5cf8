import type { SettingOf } from '#kernel/setting.ts';

/** Whose raw events an environment lets in (metering.md 1.7). */
export interface EventIngestionFilter {
  readonly enabled: boolean;
  readonly allowed_external_customer_ids: readonly string[];
}

export const EVENT_INGESTION_FILTER: SettingOf<EventIngestionFilter> = {
  key: 'event_ingestion_filter',
  fallback: { enabled: false, allowed_external_customer_ids: [] },
};

/**
 * External ids of the customers whose raw events are let in, of a stored value of the setting.
 * Null: those of everybody, as without a value or with one that is not enabled.
 */
export function allowedCustomers(stored: unknown): ReadonlySet<string> | null {
  const filter = stored as EventIngestionFilter | null | undefined;
  return filter?.enabled === true ? new Set(filter.allowed_external_customer_ids) : null;
}
