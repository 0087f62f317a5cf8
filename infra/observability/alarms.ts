import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { EnvironmentConfig } from '../config/schema.ts';
import { aws, math, product } from './metrics.ts';
import { brokerMetrics, taskCounts } from './sources.ts';
import type { System } from './system.ts';

export interface AlarmSpec {
  /** Part of the alarm's name; never changes. */
  readonly id: string;
  /** What is wrong when it rings, in a sentence. */
  readonly says: string;
  readonly metric: IMetric;
  readonly above?: number;
  readonly below?: number;
  /** Data points of those looked at that must be beyond the threshold. */
  readonly points: readonly [beyond: number, of: number];
  readonly missing: TreatMissingData;
  /** File in docs/runbooks, without its ending. */
  readonly runbook: string;
  /** Wakes somebody up; the others can wait for the day. */
  readonly pages?: boolean;
}

const { BREACHING, NOT_BREACHING } = TreatMissingData;
const FIVE_MINUTES = Duration.minutes(5);

/** All alarms of an environment. */
export function alarmsOf(config: EnvironmentConfig, system: System): AlarmSpec[] {
  return [
    ...apiAlarms(config, system),
    ...ingestAlarms(config, system),
    ...streamAlarms(config, system),
    ...kafkaAlarms(config, system),
    ...postgresAlarms(system),
    ...jobAlarms(config),
    ...functionAlarms(system),
    ...serviceAlarms(system),
    ...costAlarms(config),
  ];
}

function apiAlarms(config: EnvironmentConfig, { apis, functions }: System): AlarmSpec[] {
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

function ingestAlarms(config: EnvironmentConfig, { queues, deadLetterQueues }: System): AlarmSpec[] {
  return [
    {
      id: 'overflow-used',
      says: 'Kafka has not taken events for ten minutes; they are kept in the overflow queue',
      runbook: 'kafka-outage',
      points: [2, 2],
      missing: NOT_BREACHING,
      above: 0,
      metric: product(config.name, 'OverflowEnqueued', 'Sum', { period: FIVE_MINUTES }),
    },
    ...queues.map(
      ({ name, it }): AlarmSpec => ({
        id: `${name}-old`,
        says: 'What waits in the queue is not worked off for half an hour',
        pages: true,
        runbook: 'kafka-outage',
        points: [3, 3],
        missing: NOT_BREACHING,
        above: 1800,
        metric: it.metricApproximateAgeOfOldestMessage({ period: FIVE_MINUTES, statistic: 'Maximum' }),
      }),
    ),
    ...deadLetterQueues.map(
      ({ name, it }): AlarmSpec => ({
        id: `${name}-not-empty`,
        says: 'Messages were given up and wait for a person',
        runbook: 'redrive-dlq',
        points: [1, 1],
        missing: NOT_BREACHING,
        above: 0,
        metric: it.metricApproximateNumberOfMessagesVisible({ period: FIVE_MINUTES, statistic: 'Maximum' }),
      }),
    ),
  ];
}

function streamAlarms({ name }: EnvironmentConfig, _: System): AlarmSpec[] {
  const lag = product(name, 'ConsumerLag', 'Maximum');
  return [
    {
      id: 'events-late',
      says: 'Accepted events take more than two minutes to be stored',
      pages: true,
      runbook: 'consumer-behind',
      points: [5, 5],
      missing: NOT_BREACHING,
      above: 120,
      metric: product(name, 'EventAgeSeconds', 'p99'),
    },
    {
      id: 'lag-grows',
      says: 'The consumer has been falling behind for 15 minutes',
      runbook: 'consumer-behind',
      points: [15, 15],
      missing: NOT_BREACHING,
      above: 0,
      metric: math('lag growth', 'IF(lag > 100, RATE(lag), 0)', { lag }),
    },
    // The consumer says every 30 s how far it is, even when nothing comes.
    {
      id: 'lag-unknown',
      says: 'No consumer has told its lag for ten minutes',
      runbook: 'drain-worker',
      points: [2, 2],
      missing: BREACHING,
      below: 1,
      metric: product(name, 'ConsumerLag', 'SampleCount', { period: FIVE_MINUTES }),
    },
    {
      id: 'unaccounted',
      says: 'Accepted events are neither stored nor a copy nor rejected: something is lost between log and store',
      pages: true,
      runbook: 'rebuild-clickhouse',
      points: [1, 1],
      missing: NOT_BREACHING,
      above: 0,
      metric: product(name, 'EventsUnaccounted', 'Sum', { period: FIVE_MINUTES }),
    },
    {
      id: 'poison',
      says: 'Events went to a dead-letter topic',
      runbook: 'redrive-dlq',
      points: [1, 1],
      missing: NOT_BREACHING,
      above: 0,
      metric: product(name, 'PoisonMessages', 'Sum', { period: FIVE_MINUTES }),
    },
  ];
}

function kafkaAlarms({ kafka }: EnvironmentConfig, system: System): AlarmSpec[] {
  return system.kafka.flatMap(({ name, it }) => {
    const brokers = (metricName: string) => brokerMetrics(it.clusterName, kafka.brokers, metricName);
    const most = (label: string, metricName: string) =>
      math(label, `MAX([${Object.keys(brokers(metricName)).join(', ')}])`, brokers(metricName), FIVE_MINUTES);
    const [user, systemTime] = [
      brokers('CpuUser'),
      Object.fromEntries(Object.entries(brokers('CpuSystem')).map(([id, metric]) => [`s${id}`, metric])),
    ];
    const sums = Object.keys(user)
      .map((id) => `${id} + s${id}`)
      .join(', ');
    // Both limits are AWS's own, per broker, for IAM authentication.
    const connectionsPerSecond = kafka.instanceType.includes('t3.') ? 3 : 80;
    return [
      {
        id: `${name}-cpu`,
        says: 'A broker is busier than it may be for another one to fail',
        runbook: 'kafka-outage',
        points: [3, 3],
        missing: BREACHING,
        above: 60,
        metric: math('CPU %', `MAX([${sums}])`, { ...user, ...systemTime }, FIVE_MINUTES),
      },
      {
        id: `${name}-connections`,
        says: 'New connections come almost as fast as a broker takes them',
        runbook: 'kafka-outage',
        points: [2, 3],
        missing: NOT_BREACHING,
        above: connectionsPerSecond,
        metric: most('new connections per second', 'ConnectionCreationRate'),
      },
      // Express brokers have no volume of their own.
      ...(kafka.brokerType === 'standard'
        ? [
            {
              id: `${name}-disk`,
              says: "A broker's volume is almost full",
              runbook: 'kafka-outage',
              points: [3, 3] as const,
              missing: BREACHING,
              above: 80,
              metric: most('disk used %', 'KafkaDataLogsDiskUsed'),
            },
          ]
        : []),
    ] satisfies AlarmSpec[];
  });
}

function postgresAlarms({ databases, proxies }: System): AlarmSpec[] {
  return [
    ...databases.map(
      ({ name, it }): AlarmSpec => ({
        id: `${name}-capacity`,
        says: 'Postgres uses more than 80 % of the capacity that it may have',
        runbook: 'postgres-pressure',
        points: [3, 3],
        missing: NOT_BREACHING,
        above: 80,
        metric: it.metric('ACUUtilization', { period: FIVE_MINUTES, statistic: 'Average' }),
      }),
    ),
    ...proxies.map(
      ({ name, it }): AlarmSpec => ({
        id: `${name}-pinned`,
        says: 'More than a tenth of the connections cannot be shared',
        runbook: 'postgres-pressure',
        points: [3, 3],
        missing: NOT_BREACHING,
        above: 10,
        metric: math(
          'pinned %',
          '100 * pinned / IF(open > 0, open, 1)',
          {
            pinned: aws(
              'RDS',
              'DatabaseConnectionsCurrentlySessionPinned',
              'Maximum',
              { ProxyName: it.dbProxyName },
              { period: FIVE_MINUTES },
            ),
            open: aws('RDS', 'DatabaseConnections', 'Maximum', { ProxyName: it.dbProxyName }, { period: FIVE_MINUTES }),
          },
          FIVE_MINUTES,
        ),
      }),
    ),
  ];
}

function jobAlarms(config: EnvironmentConfig): AlarmSpec[] {
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

/** Functions that only a deploy calls are not named here. */
const ERRORS_RUNBOOK: Readonly<Record<string, string>> = { ingest: 'rollback', management: 'rollback', canary: 'api-errors' };

function functionAlarms({ functions }: System): AlarmSpec[] {
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

function serviceAlarms({ services }: System): AlarmSpec[] {
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

function costAlarms({ production }: EnvironmentConfig): AlarmSpec[] {
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

/** What the two kinds of threshold mean to CloudWatch. */
export function comparisonOf({ above, below }: AlarmSpec): { readonly threshold: number; readonly comparisonOperator: ComparisonOperator } {
  if (above !== undefined) return { threshold: above, comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD };
  return { threshold: below ?? 0, comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD };
}
