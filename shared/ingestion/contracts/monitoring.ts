import * as z from 'zod';
import { WINDOW_SIZES } from '#kernel/calendar/windows.ts';
import { timeInput, timeText } from '#kernel/wire.ts';

export const MonitoringQuery = z.object({
  start_time: timeInput.optional(),
  end_time: timeInput.optional(),
  window_size: z.enum(WINDOW_SIZES).optional(),
});

const count = z.int();

/** The first four fields are FlexPrice's (metering.md 12). The rest says where every accepted event is. */
export const MonitoringResponse = z.object({
  total_count: count,
  consumption_lag: count,
  post_processing_lag: count,
  points: z.array(z.object({ timestamp: timeText, event_count: count })),
  start_time: timeText,
  end_time: timeText,
  counts: z.object({
    accepted: count,
    stored: count,
    duplicates: count,
    rejected: count,
    in_flight: count,
    unaccounted: count,
    complete: z.boolean(),
  }),
  streams: z.array(z.object({ topic: z.string(), group: z.string(), lag_records: count, in_flight: count })),
});
