import type { Config } from '../config/schema.ts';

/** CloudWatch namespace of everything that we measure ourselves. */
export const METRIC_NAMESPACE = 'FlexPrice';

/** Our own metrics with their units. `infra/observability/metrics.ts` names the same for dashboards and alarms; a test compares the two. */
export const METRICS = {
  /** Events that a request brought and that are durable. */
  EventsAccepted: 'Count',
  /** Events of requests that were refused for what an event says, and raw items that were dropped; what is no event at all shows as a 4xx of the API. */
  EventsRejected: 'Count',
  /** Events per accepted request. */
  IngestBatchSize: 'Count',
  /** From the hand-over to the event log to its acknowledgement. */
  KafkaPublishMs: 'Milliseconds',
  /** Events that the overflow took because the log did not. */
  OverflowEnqueued: 'Count',
  /** API keys that had to be looked up in Postgres. */
  AuthCacheMiss: 'Count',
  /** From the claim of a batch's ids to its last insert. */
  BatchInsertMs: 'Milliseconds',
  RowsInserted: 'Count',
  /** Age of a batch's oldest event when it is stored, from its acceptance: a backfill of old events is no delay. */
  EventAgeSeconds: 'Seconds',
  /** Copies of events that changed no number. */
  DuplicateEvents: 'Count',
  /** Accepted events of a batch that are neither stored nor a copy nor rejected: always 0, or something is lost. */
  EventsUnaccounted: 'Count',
  /** Messages and events that went to the dead letters. */
  PoisonMessages: 'Count',
  /** Records that the slower of the two event groups has not committed yet. */
  ConsumerLag: 'Count',
  /** Runs of jobs that began, under either driver. */
  WorkflowStarted: 'Count',
  /** Jobs that failed for good, under either driver. */
  WorkflowFailed: 'Count',
  /** Failed attempts of activities; most are repeated. */
  ActivityFailed: 'Count',
  /** Work that waits for a worker: tasks of Temporal, or runs in Postgres. Every worker says the same. */
  JobBacklog: 'Count',
  /** Starts of schedules that did not happen since the last look. */
  ScheduleMissed: 'Count',
  /** Looks at drafts whose time has come and which wait for events that were accepted before. */
  InvoicesWaiting: 'Count',
  /** Counted when the relay publishes the change, so after the commit, whoever finalized. */
  InvoicesFinalised: 'Count',
  /** Total of each invoice that is counted so, in minor units (cents), with its currency as a dimension of its own. */
  InvoiceAmountMinor: 'Count',
  /** Age of the oldest row of the outbox that is not published. */
  OutboxAgeSeconds: 'Seconds',
  /** From the acceptance of the canary's event to its usage. */
  CanaryLatencySeconds: 'Seconds',
} as const;

export type MetricName = keyof typeof METRICS;

/**
 * Where a process counts. Dimensions are `service` and `environment`: each combination of values is a metric that costs money, so a tenant never
 * is one. Amounts of different currencies cannot be added, so the currency is a third one where there is an amount.
 */
export interface Metrics {
  readonly enabled: boolean;
  record(name: MetricName, value: number, dimensions?: { readonly currency: string }): void;
  /** Writes what was recorded since the last time. In a function: at the end of a request, since what waits may never run again. */
  flush(): void;
}

/** Metrics of a process that has none. */
export const silentMetrics: Metrics = { enabled: false, record: () => undefined, flush: () => undefined };

/**
 * Metrics in CloudWatch's embedded format: lines on stdout that CloudWatch Logs turns into metrics. Silent unless `metrics.enabled`.
 * @param service name of the process: `management`, `ingest`, `consumer`, `worker`, `canary`
 */
export async function createMetrics(config: Pick<Config, 'metrics' | 'deployment'>, service: string): Promise<Metrics> {
  if (!config.metrics.enabled) return silentMetrics;
  // Loaded where it is used: Local Mode and the cold start do without.
  const powertools = await import('@aws-lambda-powertools/metrics');
  const metrics = new powertools.Metrics({
    namespace: METRIC_NAMESPACE,
    serviceName: service,
    defaultDimensions: { environment: config.deployment.environment },
  });
  let recorded = false;
  return {
    enabled: true,
    record(name, value, dimensions) {
      if (dimensions !== undefined) {
        metrics.singleMetric().addDimension('currency', dimensions.currency).addMetric(name, METRICS[name], value);
        return;
      }
      recorded = true;
      metrics.addMetric(name, METRICS[name], value);
    },
    flush() {
      if (!recorded) return;
      recorded = false;
      metrics.publishStoredMetrics();
    },
  };
}

/** Flushes a long-lived process's metrics every so many milliseconds, and when it stops. */
export function flushEvery(metrics: Metrics, intervalMs = 10_000): { stop(): void } {
  if (!metrics.enabled) return { stop: () => undefined };
  const timer = setInterval(() => metrics.flush(), intervalMs).unref();
  return {
    stop: () => {
      clearInterval(timer);
      metrics.flush();
    },
  };
}
