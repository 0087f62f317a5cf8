import * as z from 'zod';
import { defineEvent } from '#platform/resource/events.ts';

export const onboardingEvents = {
  failed: defineEvent(
    'customer_onboarding.failed',
    'customer_onboarding',
    z.object({ id: z.string(), external_customer_id: z.string(), steps_done: z.int(), reason: z.string() }),
  ),
};

export const rejectionEvents = {
  /** With the event as it was stored, its properties included. */
  rejected: defineEvent(
    'event.rejected',
    'event',
    z.object({ event_type: z.string(), reason: z.string(), event: z.record(z.string(), z.unknown()) }),
  ),
};
