import { systemContext } from '#kernel/context.ts';
import { currentActivity } from '#platform/workflows/activity-context.ts';
import type { OnboardingActivities, OnboardingInput } from '../jobs/customer-onboarding.ts';
import type { OnboardingService } from './onboarding.ts';

/** What the job of an onboarding does, in the tenant that the input names. Each may be repeated. */
export function createOnboardingActivities(onboarding: () => Pick<OnboardingService, 'step' | 'fail'>): OnboardingActivities {
  const contextOf = ({ tenantId, environmentId }: OnboardingInput) =>
    systemContext(tenantId, environmentId, currentActivity()?.workflowId ?? 'onboarding');
  return {
    takeOnboardingStep: (input) => onboarding().step(contextOf(input), input.onboardingId),
    failOnboarding: (input) => onboarding().fail(contextOf(input), input.onboardingId, input.reason),
  };
}
