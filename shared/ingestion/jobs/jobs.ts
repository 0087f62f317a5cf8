import { register } from '#platform/workflows/registry.ts';
import { REPROCESS_EVENTS, type ReprocessActivities } from './reprocess-events.ts';

/** Jobs of ingestion, for both drivers. */
export const ingestionJobs = [
  register(REPROCESS_EVENTS, (app: { readonly ingestionActivities: ReprocessActivities }) => app.ingestionActivities),
];
