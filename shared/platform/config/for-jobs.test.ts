import { expect, test } from 'vitest';
import { forJobs } from './for-jobs.ts';
import { loadConfig } from './load.ts';

/** API Gateway ends a request after 29 s. */
const SOMEBODY_WAITS_MS = 25_000;
const config = loadConfig({ env: {}, file: 'no-such-file.yaml' });

test('an engine has answered or is given up before the gateway ends the request', () => {
  expect(config.clickhouse.request_timeout_ms).toBeLessThan(SOMEBODY_WAITS_MS);
  expect(config.postgres.statement_timeout_ms).toBeLessThan(SOMEBODY_WAITS_MS);
});

test('jobs, which nobody waits for, wait longer', () => {
  const { clickhouse, postgres, ...others } = forJobs(config);
  expect(clickhouse.request_timeout_ms).toBeGreaterThan(config.clickhouse.request_timeout_ms);
  expect(postgres.statement_timeout_ms).toBeGreaterThan(config.postgres.statement_timeout_ms);
  expect(others).toEqual((({ clickhouse: _, postgres: __, ...rest }) => rest)(config));
});
