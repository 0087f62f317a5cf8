import { DEFAULT_RETRY } from '#platform/workflows/job.ts';

/** Policy of the steps of billing (billing.md section 9); every step may be repeated safely. */
export const BILLING_STEPS = { retry: DEFAULT_RETRY, activityTimeoutMs: 300_000 } as const;
