import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { Metrics } from '#platform/observability/metrics.ts';
import { startPollLoop } from '#platform/workflows/poll-loop.ts';
import type { JobEngine } from './job-engine.ts';

export interface EngineProbeOptions {
  readonly engine: Pick<JobEngine, 'observe'>;
  readonly metrics: Metrics;
  readonly logger: EventLogLogger;
  readonly intervalMs?: number;
}

/** Records how much work waits for a worker, and the starts of schedules that were missed since the last look. Asks nothing when metrics are off. */
export function startEngineProbe({ engine, metrics, logger, intervalMs = 30_000 }: EngineProbeOptions): { stop(): Promise<void> } {
  if (!metrics.enabled) return { stop: async () => undefined };
  let missedBefore: number | undefined;
  return startPollLoop({
    intervalMs,
    onError: (error) =>
      logger.warn('the job engine could not be observed', { reason: error instanceof Error ? error.message : String(error) }),
    async work() {
      const { backlog, missedStarts } = await engine.observe();
      metrics.record('JobBacklog', backlog);
      metrics.record('ScheduleMissed', Math.max(0, missedStarts - (missedBefore ?? missedStarts)));
      missedBefore = missedStarts;
      return false;
    },
  });
}
