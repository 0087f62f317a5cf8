import { wireTime } from '#kernel/wire.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { MonitoringQuery, MonitoringResponse } from '../contracts/monitoring.ts';
import type { MonitoringService } from '../service/monitoring.ts';

export const monitoringRoutes = (monitoring: () => MonitoringService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/events/monitoring',
    operationId: 'getMonitoringData',
    tag: 'Events',
    permission: 'read:Event',
    summary: 'How events get on: what was accepted in a range is stored, a duplicate, rejected or in flight, and nothing else',
    query: MonitoringQuery,
    responses: { 200: MonitoringResponse },
    handler: async ({ ctx, query }) => {
      const { range, counts, streams, points } = await monitoring().events(ctx, {
        startTime: query.start_time ?? null,
        endTime: query.end_time ?? null,
        windowSize: query.window_size ?? null,
      });
      const { inFlight, ...others } = counts;
      return ok({
        total_count: counts.stored,
        consumption_lag: inFlight,
        post_processing_lag: 0,
        points: points.map(({ start, events }) => ({ timestamp: wireTime(start), event_count: events })),
        start_time: wireTime(range.start),
        end_time: wireTime(range.end),
        counts: { ...others, in_flight: inFlight },
        streams: streams.map(({ topic, group, lag, inFlight: own }) => ({ topic, group, lag_records: Number(lag), in_flight: own })),
      });
    },
  }),
];
