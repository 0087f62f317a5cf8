import type { Config } from '#platform/config/schema.ts';
import type { Schedule } from '#platform/workflows/schedules.ts';

/** What starts by the clock, under either driver (billing.md section 9). */
export function schedulesOf(config: Config): readonly Schedule[] {
  return [
    { id: 'subscription-billing', job: 'billing-sweep', everySeconds: config.billing.sweep_seconds, input: {} },
    { id: 'usage-counters', job: 'reconcile-counters', everySeconds: config.counters.reconcile_seconds, input: {} },
  ];
}
