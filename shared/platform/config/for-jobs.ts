import type { Config } from './schema.ts';

/** The configuration with the time-outs of jobs in the place of those of requests. */
export function forJobs(config: Config): Config {
  return { ...config, clickhouse: clickhouseForJobs(config.clickhouse), postgres: postgresForJobs(config.postgres) };
}

export function clickhouseForJobs(clickhouse: Config['clickhouse']): Config['clickhouse'] {
  return { ...clickhouse, request_timeout_ms: clickhouse.job_timeout_ms };
}

function postgresForJobs(postgres: Config['postgres']): Config['postgres'] {
  return { ...postgres, statement_timeout_ms: postgres.job_statement_timeout_ms, lock_timeout_ms: postgres.job_lock_timeout_ms };
}
