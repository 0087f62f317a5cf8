import type { Clock } from '#kernel/clock.ts';
import type { EventLog } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { Metrics } from '#platform/observability/metrics.ts';
import type { Database } from '#platform/postgres/database.ts';
import type { JobDriver } from '#platform/workflows/job.ts';

export interface RelayDependencies {
  readonly database: Database;
  readonly eventLog: Pick<EventLog, 'append'>;
  readonly jobs: Pick<JobDriver, 'start'>;
  readonly clock: Clock;
  readonly logger: EventLogLogger;
  readonly metrics?: Metrics;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
