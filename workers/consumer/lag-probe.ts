import type { EventLog } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { Metrics } from '#platform/observability/metrics.ts';
import { startPollLoop } from '#platform/workflows/poll-loop.ts';

export interface LagProbeOptions {
  readonly eventLog: Pick<EventLog, 'lag'>;
  readonly metrics: Metrics;
  readonly logger: EventLogLogger;
  readonly groups: readonly { readonly group: string; readonly topic: string }[];
  readonly intervalMs?: number;
}

/**
 * Records how far the slowest of these groups is behind. Every process of a group says the same, so the metric is read as a
 * maximum and never as a sum. Asks nothing of the log when metrics are off.
 */
export function startLagProbe({ eventLog, metrics, logger, groups, intervalMs = 30_000 }: LagProbeOptions): { stop(): Promise<void> } {
  if (!metrics.enabled) return { stop: async () => undefined };
  return startPollLoop({
    intervalMs,
    onError: (error) => logger.warn('the lag could not be read', { reason: error instanceof Error ? error.message : String(error) }),
    async work() {
      const behind = await Promise.all(
        groups.map(async ({ group, topic }) =>
          (await eventLog.lag(group, topic)).reduce((sum, { end, committed }) => sum + end - committed, 0n),
        ),
      );
      metrics.record('ConsumerLag', Number(behind.reduce((most, each) => (each > most ? each : most), 0n)));
      return false;
    },
  });
}
