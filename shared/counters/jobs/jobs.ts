import { register } from '#platform/workflows/registry.ts';
import { RECONCILE_COUNTERS, type ReconcileActivities } from './reconcile-counters.ts';

/** Jobs of the counters, for both drivers. */
export const counterJobs = [
  register(RECONCILE_COUNTERS, (app: { readonly counterActivities: ReconcileActivities }) => app.counterActivities),
];
