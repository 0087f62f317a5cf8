import { Duration } from 'aws-cdk-lib';
import { TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { aws, math, product } from '../metrics.ts';
import { taskCounts } from '../sources.ts';
import type { System } from '../system.ts';
import { type AlarmSpec, FIVE_MINUTES } from './spec.ts';

const { BREACHING, NOT_BREACHING } = TreatMissingData;

export function jobAlarms(config: EnvironmentConfig): AlarmSpec[] {
  const { name } = config;
  return [
    {
      id: 'job-failed',
      says: 'A job failed for good',
      runbook: 'jobs-failing',
      points: [1, 1],
      missing: NOT_BREACHING,
      above: 0,
      metric: product(name, 'WorkflowFailed', 'Sum', { period: FIVE_MINUTES }),
    },
    {
      id: 'activities-fail',
      says: 'Activities fail again and again',
      runbook: 'jobs-failing',
      points: [3, 3],
      missing: NOT_BREACHING,
      above: 10,
      metric: product(name, 'ActivityFailed', 'Sum', { period: FIVE_MINUTES }),
    },
    {
      id: 'jobs-wait',
      says: 'Work has waited for a worker for a quarter of an hour',
      runbook: 'jobs-failing',
      points: [3, 3],
      missing: NOT_BREACHING,
      above: 1000,
      metric: product(name, 'JobBacklog', 'Maximum', { period: FIVE_MINUTES }),
    },
    {
      id: 'starts-missed',
      says: 'A schedule did not start its job: the previous run was still going, or nobody was there',
      runbook: 'jobs-failing',
      points: [3, 3],
      missing: NOT_BREACHING,
      above: 0,
      metric: product(name, 'ScheduleMissed', 'Maximum', { period: FIVE_MINUTES }),
    },
    // Every worker says every 30 s how much waits, even when nothing does.
    {
      id: 'no-worker',
      says: 'No worker has said for ten minutes how much work waits',
      runbook: 'drain-worker',
      points: [2, 2],
      missing: BREACHING,
      below: 1,
      metric: product(name, 'JobBacklog', 'SampleCount', { period: FIVE_MINUTES }),
    },
    // The relay tells the age every 30 s; silence means that none runs.
    {
      id: 'outbox-old',
      says: 'Changes have waited for more than five minutes to be published, or no relay runs',
      pages: true,
      runbook: 'jobs-failing',
      points: [2, 2],
      missing: BREACHING,
      above: 300,
      metric: product(name, 'OutboxAgeSeconds', 'Maximum', { period: FIVE_MINUTES }),
    },
    ...(config.production
      ? [
          {
            id: 'no-invoices',
            says: 'It is the first of the month and no invoice was finalized for six hours',
            runbook: 'jobs-failing',
            points: [1, 1] as const,
            missing: NOT_BREACHING,
            below: 1,
            metric: math(
              'invoices on the first of the month',
              'IF(DATE(invoices) == 1, FILL(invoices, 0), 1)',
              { invoices: product(name, 'InvoicesFinalised', 'Sum', { period: Duration.hours(6) }) },
              Duration.hours(6),
            ),
          },
        ]
      : []),
  ];
}

export function serviceAlarms({ services }: System): AlarmSpec[] {
  return services.map(
    ({ name, it }): AlarmSpec => ({
      id: `${name}-tasks-missing`,
      says: 'Fewer tasks run than should for ten minutes',
      runbook: 'drain-worker',
      points: [10, 10],
      missing: BREACHING,
      above: 0,
      metric: math('missing tasks', 'wanted - running', taskCounts(it)),
    }),
  );
}

export function costAlarms({ production }: EnvironmentConfig): AlarmSpec[] {
  return [
    {
      id: 'log-volume',
      says: 'Far more is written to the logs than is normal, and each GB costs',
      runbook: 'cost-surprise',
      points: [3, 3],
      missing: NOT_BREACHING,
      above: (production ? 5 : 1) * 1024 ** 3,
      metric: aws('Logs', 'IncomingBytes', 'Sum', {}, { period: Duration.hours(1), label: 'log bytes in the account' }),
    },
  ];
}
