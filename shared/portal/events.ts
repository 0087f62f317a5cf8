import * as z from 'zod';
import { timeText } from '#kernel/wire.ts';
import { defineEvent } from '#platform/resource/events.ts';

export const portalSessionEvents = {
  created: defineEvent(
    'portal_session.created',
    'portal_session',
    z.object({ id: z.string(), customer_id: z.string(), expires_at: timeText }),
  ),
};
