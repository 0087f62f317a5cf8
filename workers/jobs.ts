import type { App } from '#app';
import type { RegisteredJob } from '#platform/workflows/registry.ts';

/**
 * All jobs of the product, for both drivers: one line each. Read in Temporal's workflow sandbox too, so it imports job functions
 * and types only; the activities are reached through the app.
 */
export const JOBS: readonly RegisteredJob<App>[] = [];
