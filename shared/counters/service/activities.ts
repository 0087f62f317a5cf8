import type { ReconcileActivities } from '../jobs/reconcile-counters.ts';
import type { CounterService } from './counters.ts';

/** What the job of the counters does, over all tenants. Each may be repeated. */
export function createCounterActivities(counters: () => Pick<CounterService, 'reconcile' | 'forget'>): ReconcileActivities {
  return {
    reconcileCounters: ({ after }) => counters().reconcile(after),
    forgetCounters: () => counters().forget(),
  };
}
