import * as z from 'zod';
import { timeText } from '#kernel/wire.ts';
import { defineEvent } from '#platform/resource/events.ts';

export const reprocessEvents = {
  started: defineEvent(
    'event_reprocess.started',
    'event_reprocess',
    z.object({ id: z.string(), start_date: timeText, end_date: timeText }),
  ),
};
