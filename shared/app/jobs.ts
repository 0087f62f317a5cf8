import { counterJobs } from '#counters/jobs/jobs.ts';
import { ingestionJobs } from '#ingestion/jobs/jobs.ts';
import { invoicingJobs } from '#invoicing/jobs/jobs.ts';
import { onboardingJobs } from '#onboarding/jobs/jobs.ts';
import type { RegisteredJob } from '#platform/workflows/registry.ts';
import type { App } from './create-app.ts';

/**
 * All jobs of the product, for both drivers. The modules name them, too; they stand here because Temporal's workflow sandbox reads this
 * list: it holds job functions and types only, and the activities are reached through the app.
 */
export const JOBS: readonly RegisteredJob<App>[] = [...invoicingJobs, ...ingestionJobs, ...counterJobs, ...onboardingJobs];
