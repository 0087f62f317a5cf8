import type { DateTime } from 'luxon';
import type { OnboardingAction } from '#settings/domain.ts';

/** What is done because events of an unknown external id came (metering.md 1.5, D9). There is one per external id, whatever happens. */
export interface Onboarding {
  readonly id: string;
  readonly tenantId: string;
  readonly environmentId: string;
  readonly externalCustomerId: string;
  /** As the setting had them when the run was started. */
  readonly actions: readonly OnboardingAction[];
  /** So many of the actions are done for good. */
  readonly stepsDone: number;
  readonly runStatus: 'pending' | 'completed' | 'failed';
  readonly failureReason: string | null;
  /** When the external id was first seen: a subscription starts here, however often it was tried to make one. */
  readonly createdAt: DateTime;
  /** When the run was last started, or ended. */
  readonly updatedAt: DateTime;
}

/** A run that was not completed is started again by events that come after so long: what it failed for may have been mended. */
export const START_AGAIN_AFTER = { hours: 1 };

/** Whether events of unknown customers start anything: only where a customer is to be made first (metering.md 1.5). */
export function isOnboarding(actions: readonly OnboardingAction[]): boolean {
  return actions[0]?.action === 'create_customer';
}
