import { register } from '#platform/workflows/registry.ts';
import { CUSTOMER_ONBOARDING, type OnboardingActivities } from './customer-onboarding.ts';

/** Jobs of onboarding, for both drivers. */
export const onboardingJobs = [
  register(CUSTOMER_ONBOARDING, (app: { readonly onboardingActivities: OnboardingActivities }) => app.onboardingActivities),
];
