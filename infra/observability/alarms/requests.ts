import { Duration } from 'aws-cdk-lib';
import { TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { math, product } from '../metrics.ts';
import type { System } from '../system.ts';
import { type AlarmSpec, FIVE_MINUTES } from './spec.ts';

const { BREACHING, NOT_BREACHING } = TreatMissingData;

export function apiAlarms(config: EnvironmentConfig, { apis, functions }: System): AlarmSpec[] {
  return [
    ...apis.map(
      ({ name, it }): AlarmSpec => ({
        id: `${name}-5xx`,
        says: 'More than 1 % of the requests fail on our side',
        pages: true,
        runbook: 'api-errors',
        points: [5, 5],
        missing: NOT_BREACHING,
        above: 1,
        metric: math('5xx %', '100 * failed / IF(requests > 0, requests, 1)', {
          failed: it.metricServerError({ period: Duration.minutes(1), statistic: 'Sum' }),
          requests: it.metricCount({ period: Duration.minutes(1), statistic: 'Sum' }),
        }),
      }),
    ),
    ...functions
      .filter(({ name }) => name === 'ingest')
      .map(
        ({ it }): AlarmSpec => ({
          id: 'ingest-slow',
          says: 'One in a hundred ingest requests takes more than a second',
          runbook: 'api-errors',
          points: [3, 5],
          missing: NOT_BREACHING,
          above: 1000,
          metric: it.metricDuration({ statistic: 'p99', period: Duration.minutes(1) }),
        }),
      ),
    // Nobody calls it but its schedule: no data means that it does not run.
    ...functions
      .filter(({ name }) => name === 'canary')
      .map(
        ({ it }): AlarmSpec => ({
          id: 'canary-failed',
          says: 'An event that was sent through the public API did not become usage, or the canary did not run',
          pages: true,
          runbook: 'api-errors',
          points: [2, 3],
          missing: BREACHING,
          above: 0,
          metric: it.metricErrors({ period: FIVE_MINUTES, statistic: 'Sum' }),
        }),
      ),
    {
      id: 'canary-slow',
      says: 'An event takes more than a minute to become usage',
      runbook: 'consumer-behind',
      points: [3, 3],
      missing: NOT_BREACHING,
      above: 60,
      metric: product(config.name, 'CanaryLatencySeconds', 'Maximum', { period: FIVE_MINUTES }),
    },
  ];
}

/** Functions that only a deploy calls are not named here. */
const ERRORS_RUNBOOK: Readonly<Record<string, string>> = { ingest: 'rollback', management: 'rollback', canary: 'api-errors' };

export function functionAlarms({ functions }: System): AlarmSpec[] {
  return functions.flatMap(({ name, it }): AlarmSpec[] => [
    {
      id: `${name}-errors`,
      says: 'The function ended with an error or ran out of time',
      runbook: ERRORS_RUNBOOK[name] ?? 'deploy',
      points: [1, 1],
      missing: NOT_BREACHING,
      above: 0,
      metric: it.metricErrors({ period: FIVE_MINUTES, statistic: 'Sum' }),
    },
    {
      id: `${name}-throttled`,
      says: 'Lambda turned calls away: the reserved concurrency is used up',
      runbook: 'api-errors',
      points: [1, 1],
      missing: NOT_BREACHING,
      above: 0,
      metric: it.metricThrottles({ period: FIVE_MINUTES, statistic: 'Sum' }),
    },
  ]);
}
