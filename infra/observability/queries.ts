/** A saved query of Logs Insights over the logs of all our functions and services. */
export interface SavedQuery {
  readonly id: string;
  readonly lines: readonly string[];
}

export const SAVED_QUERIES: readonly SavedQuery[] = [
  {
    id: 'errors',
    lines: [
      'fields @timestamp, service, message, error.name, error.message, request_id, tenant_id',
      'filter level in ["ERROR", "CRITICAL"]',
      'sort @timestamp desc',
      'limit 200',
    ],
  },
  {
    id: 'errors-by-message',
    lines: [
      'filter level in ["ERROR", "CRITICAL"]',
      'stats count(*) as times, max(@timestamp) as last by service, message, error.message',
      'sort times desc',
    ],
  },
  {
    id: 'one-request',
    lines: [
      'fields @timestamp, service, level, message, operation, status, duration_ms, @message',
      'filter request_id = "put the X-Request-ID of the answer here"',
      'sort @timestamp asc',
    ],
  },
  {
    id: 'slow-requests',
    lines: [
      'filter message = "request" and ispresent(duration_ms)',
      'stats count(*) as requests, pct(duration_ms, 50) as p50, pct(duration_ms, 99) as p99, max(duration_ms) as slowest by operation',
      'sort p99 desc',
    ],
  },
  {
    id: 'refused-requests',
    lines: ['filter status >= 400', 'stats count(*) as requests by tenant_id, operation, status', 'sort requests desc'],
  },
  {
    id: 'dead-letters',
    lines: [
      'filter message = "events went to the dead letters"',
      'stats sum(rejected) as events, max(@timestamp) as last by topic, partition',
      'sort events desc',
    ],
  },
  {
    id: 'failed-jobs',
    lines: ['filter message = "a job failed"', 'fields @timestamp, job, workflow_id, code, error', 'sort @timestamp desc', 'limit 200'],
  },
  {
    id: 'cold-starts',
    lines: [
      'filter @type = "REPORT" and ispresent(@initDuration)',
      'stats count(*) as starts, pct(@initDuration, 50) as p50, pct(@initDuration, 99) as p99 by @log',
    ],
  },
];
