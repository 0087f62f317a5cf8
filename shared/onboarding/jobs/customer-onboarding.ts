import { ActivityFailedError, type Job } from '#platform/workflows/job.ts';

/** An onboarding of a tenant's environment, in JSON. What it does stands in its row. */
export interface OnboardingInput {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly onboardingId: string;
}

export interface OnboardingActivities {
  /** Does the next action; `left` says how many there are after it. Repeated, it does none twice: the row counts them, in the transaction that does them. */
  takeOnboardingStep(input: OnboardingInput): Promise<{ readonly left: number }>;
  /** Notes that the run has ended before its last action, and why. */
  failOnboarding(input: OnboardingInput & { readonly reason: string }): Promise<void>;
}

export interface OnboardingResult {
  readonly completed: true;
}

/** More steps than a setting has actions. */
const MOST_STEPS = 100;

/** Makes the customer that events named, and does what else the tenant wants for it, one action after the other (metering.md D9). */
export async function runCustomerOnboarding(activities: OnboardingActivities, input: OnboardingInput): Promise<OnboardingResult> {
  try {
    for (let steps = 0; steps < MOST_STEPS; steps += 1) {
      const { left } = await activities.takeOnboardingStep(input);
      if (left === 0) break;
    }
    return { completed: true };
  } catch (error) {
    // Anything else is the driver's, such as the end of its process: the run goes on.
    if (error instanceof ActivityFailedError) await activities.failOnboarding({ ...input, reason: error.message });
    throw error;
  }
}

/** An engine that is away is waited for about half an hour; after that, later events start the run again. */
const RETRY = { initialIntervalMs: 1_000, backoffCoefficient: 2, maximumIntervalMs: 60_000, maximumAttempts: 35 } as const;

export const CUSTOMER_ONBOARDING: Job<OnboardingActivities, OnboardingInput, OnboardingResult> = {
  name: 'customer-onboarding',
  retry: RETRY,
  activityTimeoutMs: 60_000,
  run: runCustomerOnboarding,
};
