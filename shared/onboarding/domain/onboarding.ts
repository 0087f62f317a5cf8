import { DateTime } from 'luxon';
import type { OnboardingAction } from './setting.ts';

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
  /** A subscription starts here, however often it was tried to make one. */
  readonly startsAt: DateTime;
  /** When the external id was first seen. */
  readonly createdAt: DateTime;
  /** When the run was last started, or ended. */
  readonly updatedAt: DateTime;
}

/** A run that was not completed is started again by events that come after so long: what it failed for may have been mended. */
export const START_AGAIN_AFTER = { hours: 1 };

/** Subscriptions start with the first events, so that these are paid for; with older ones than this they start so long before these were seen. */
const LONGEST_BACK = { hours: 24 };

/** When a subscription starts whose customer was first seen at `seen`, in events from `from` on; null: it is not known when those were. */
export function startOf(from: DateTime | null, seen: DateTime): DateTime {
  return from === null ? seen : DateTime.max(DateTime.min(from, seen), seen.minus(LONGEST_BACK));
}

/** Whether events of unknown customers start anything: only where a customer is to be made first (metering.md 1.5). */
export function isOnboarding(actions: readonly OnboardingAction[]): boolean {
  return actions[0]?.action === 'create_customer';
}
