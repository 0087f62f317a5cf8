import type { ReconcileActivities } from './jobs/reconcile-counters.ts';
import type { CounterService } from './service/counters.ts';

/** What the jobs of metering do. Each may be repeated. */
export function createMeteringActivities(counters: Pick<CounterService, 'reconcile' | 'forget'>): ReconcileActivities {
  return {
    reconcileCounters: ({ after }) => counters.reconcile(after),
    forgetCounters: () => counters.forget(),
  };
}
