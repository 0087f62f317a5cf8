import { Duration } from 'aws-cdk-lib';
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { EnvironmentConfig } from '../config/schema.ts';
import { aws, math, type ProductMetric, product, productByCurrency, search } from './metrics.ts';
import { brokerMetrics, taskCounts } from './sources.ts';
import type { System } from './system.ts';

/** A graph, or numbers of the chosen range. */
export interface Panel {
  readonly title: string;
  readonly left: readonly IMetric[];
  /** Second axis. */
  readonly right?: readonly IMetric[];
  readonly unit?: string;
  readonly kind?: 'lines' | 'areas' | 'numbers';
}
export interface DashboardRow {
  readonly title: string;
  readonly panels: readonly Panel[];
}
export interface DashboardSpec {
  readonly id: string;
  readonly title: string;
  readonly rows: readonly DashboardRow[];
}

const FIVE_MINUTES = Duration.minutes(5);
const HOUR = Duration.hours(1);

/** All dashboards of an environment. An alarm-status row goes on top of each. */
export function dashboardsOf(config: EnvironmentConfig, system: System): DashboardSpec[] {
  const own = (name: ProductMetric, statistic: string, label: string, more: { service?: string; period?: Duration } = {}) =>
    product(config.name, name, statistic, { label, ...more });
  return [
    {
      id: 'operations',
      title: 'Is it well?',
      rows: [golden(system), ingest(own), stream(config, system, own), stores(config, system, own), workflows(own, system)],
    },
    { id: 'business', title: 'What does it bring, what does it cost?', rows: [business(config, own), costDrivers(config, system)] },
  ];
}

type Own = (name: ProductMetric, statistic: string, label: string, more?: { service?: string; period?: Duration }) => IMetric;

function golden({ functions, apis }: System): DashboardRow {
  const served = functions.filter(({ name }) => name === 'ingest' || name === 'management');
  const minute = { period: Duration.minutes(1) };
  return {
    title: 'Golden signals',
    panels: [
      {
        title: 'Requests',
        unit: 'requests per minute',
        left: apis.map(({ it }) => it.metricCount({ ...minute, statistic: 'Sum', label: 'requests' })),
      },
      {
        title: 'Refused and failed',
        unit: 'requests per minute',
        left: apis.flatMap(({ it }) => [
          it.metricClientError({ ...minute, statistic: 'Sum', label: '4xx' }),
          it.metricServerError({ ...minute, statistic: 'Sum', label: '5xx' }),
        ]),
      },
      {
        title: 'Time of a request',
        unit: 'ms',
        left: served.flatMap(({ name, it }) => [
          it.metricDuration({ ...minute, statistic: 'p50', label: `${name} p50` }),
          it.metricDuration({ ...minute, statistic: 'p99', label: `${name} p99` }),
        ]),
      },
      {
        title: 'Errors and throttles of functions',
        unit: 'per minute',
        left: functions.map(({ name, it }) => it.metricErrors({ ...minute, statistic: 'Sum', label: `${name} errors` })),
        right: served.map(({ name, it }) => it.metricThrottles({ ...minute, statistic: 'Sum', label: `${name} throttles` })),
      },
    ],
  };
}

function ingest(own: Own): DashboardRow {
  return {
    title: 'Ingest',
    panels: [
      {
        title: 'Events',
        unit: 'events per minute',
        kind: 'areas',
        left: [own('EventsAccepted', 'Sum', 'accepted'), own('EventsRejected', 'Sum', 'rejected')],
      },
      {
        title: 'Events per request',
        unit: 'events',
        left: [own('IngestBatchSize', 'p50', 'p50'), own('IngestBatchSize', 'p99', 'p99')],
        right: [own('IngestBatchSize', 'SampleCount', 'requests')],
      },
      { title: 'Publish to Kafka', unit: 'ms', left: [own('KafkaPublishMs', 'p50', 'p50'), own('KafkaPublishMs', 'p99', 'p99')] },
      {
        title: 'Overflow and key look-ups',
        unit: 'events per minute',
        left: [own('OverflowEnqueued', 'Sum', 'to the overflow')],
        right: [
          own('AuthCacheMiss', 'Sum', 'key look-ups, ingest'),
          own('AuthCacheMiss', 'Sum', 'key look-ups, management', { service: 'management' }),
        ],
      },
    ],
  };
}

function stream(_: EnvironmentConfig, { queues, deadLetterQueues }: System, own: Own): DashboardRow {
  return {
    title: 'Stream',
    panels: [
      { title: 'Consumer lag', unit: 'records', left: [own('ConsumerLag', 'Maximum', 'records behind')] },
      {
        title: 'From acceptance to storage',
        unit: 's',
        left: [
          own('EventAgeSeconds', 'p50', 'p50'),
          own('EventAgeSeconds', 'p99', 'p99'),
          own('CanaryLatencySeconds', 'Maximum', 'canary', { period: FIVE_MINUTES }),
        ],
      },
      {
        title: 'Rows stored',
        unit: 'rows per minute',
        kind: 'areas',
        left: [own('RowsInserted', 'Sum', 'rows'), own('DuplicateEvents', 'Sum', 'copies')],
        right: [own('PoisonMessages', 'Sum', 'poison'), own('EventsUnaccounted', 'Sum', 'unaccounted for')],
      },
      {
        title: 'Queues',
        unit: 'messages',
        left: [...queues, ...deadLetterQueues].map(({ name, it }) =>
          it.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: Duration.minutes(1), label: name }),
        ),
      },
    ],
  };
}

function stores({ kafka }: EnvironmentConfig, system: System, own: Own): DashboardRow {
  const minute = { period: Duration.minutes(1) };
  const database = (metricName: string, label: string, statistic = 'Average') =>
    system.databases.map(({ it }) => it.metric(metricName, { ...minute, statistic, label }));
  const pinned = system.proxies.map(({ it }) =>
    aws('RDS', 'DatabaseConnectionsCurrentlySessionPinned', 'Maximum', { ProxyName: it.dbProxyName }, { label: 'pinned in the proxy' }),
  );
  return {
    title: 'Stores',
    panels: [
      {
        title: 'Postgres capacity',
        unit: 'ACU',
        left: database('ServerlessDatabaseCapacity', 'ACU'),
        right: [...database('ACUUtilization', '% of the most'), ...database('CPUUtilization', 'CPU %')],
      },
      { title: 'Postgres connections', unit: 'connections', left: [...database('DatabaseConnections', 'open', 'Maximum'), ...pinned] },
      {
        title: 'ClickHouse inserts',
        unit: 'ms',
        left: [own('BatchInsertMs', 'p50', 'p50'), own('BatchInsertMs', 'p99', 'p99')],
        right: [own('BatchInsertMs', 'SampleCount', 'batches')],
      },
      {
        title: 'Kafka brokers',
        unit: 'CPU %',
        left: system.kafka.flatMap(({ it }) => Object.values(brokerMetrics(it.clusterName, kafka.brokers, 'CpuUser'))),
        right: system.kafka.flatMap(({ it }) =>
          Object.values(brokerMetrics(it.clusterName, kafka.brokers, 'ConnectionCount', 'Maximum')).map((metric) =>
            metric.with({ label: `${metric.label ?? ''} connections` }),
          ),
        ),
      },
    ],
  };
}

function workflows(own: Own, { services }: System): DashboardRow {
  return {
    title: 'Jobs and tasks',
    panels: [
      {
        title: 'Jobs',
        unit: 'per five minutes',
        left: [
          own('WorkflowStarted', 'Sum', 'jobs started', { period: FIVE_MINUTES }),
          own('WorkflowFailed', 'Sum', 'jobs failed', { period: FIVE_MINUTES }),
          own('ActivityFailed', 'Sum', 'attempts failed', { period: FIVE_MINUTES }),
          own('ScheduleMissed', 'Maximum', 'starts missed', { period: FIVE_MINUTES }),
          own('InvoicesWaiting', 'Sum', 'looks at invoices that wait for events', { period: FIVE_MINUTES }),
        ],
      },
      {
        title: 'What waits',
        unit: 'tasks',
        left: [own('JobBacklog', 'Maximum', 'tasks without a worker')],
        right: [own('OutboxAgeSeconds', 'Maximum', 'seconds of the oldest change')],
      },
      {
        title: 'Missing tasks',
        unit: 'tasks',
        left: services.map(({ name, it }, index) =>
          math(name, `wanted${index} - running${index}`, {
            [`wanted${index}`]: taskCounts(it).wanted,
            [`running${index}`]: taskCounts(it).running,
          }),
        ),
      },
      {
        title: 'CPU and memory of tasks',
        unit: '%',
        left: services.map(({ name, it }) => it.metricCpuUtilization({ period: Duration.minutes(1), label: `${name} CPU` })),
        right: services.map(({ name, it }) => it.metricMemoryUtilization({ period: Duration.minutes(1), label: `${name} memory` })),
      },
    ],
  };
}

function business({ name }: EnvironmentConfig, own: Own): DashboardRow {
  return {
    title: 'Business',
    panels: [
      {
        title: 'In the chosen range',
        kind: 'numbers',
        left: [
          own('EventsAccepted', 'Sum', 'events accepted', { period: HOUR }),
          own('RowsInserted', 'Sum', 'events stored', { period: HOUR }),
          own('InvoicesFinalised', 'Sum', 'invoices finalized', { period: HOUR }),
        ],
      },
      { title: 'Invoices finalized', unit: 'per hour', left: [own('InvoicesFinalised', 'Sum', 'invoices', { period: HOUR })] },
      { title: 'Amounts of finalized invoices', unit: 'minor units per hour', left: [productByCurrency(name, 'InvoiceAmountMinor', HOUR)] },
      { title: 'Events accepted', unit: 'per hour', kind: 'areas', left: [own('EventsAccepted', 'Sum', 'events', { period: HOUR })] },
    ],
  };
}

function costDrivers({ kafka }: EnvironmentConfig, { functions, kafka: clusters }: System): DashboardRow {
  const served = functions.filter(({ name }) => name === 'ingest' || name === 'management');
  const bytesIn = clusters.map(({ it }) => brokerMetrics(it.clusterName, kafka.brokers, 'BytesInPerSec', 'Average'));
  return {
    title: 'Cost drivers',
    panels: [
      {
        title: 'Lambda',
        unit: 'GB-seconds per hour',
        left: served.map(({ name, it }) =>
          math(
            name,
            `d_${name} * ${(it.node.defaultChild as { memorySize?: number }).memorySize ?? 0} / 1024 / 1000`,
            { [`d_${name}`]: it.metricDuration({ period: HOUR, statistic: 'Sum' }) },
            HOUR,
          ),
        ),
      },
      { title: 'Kafka', unit: 'bytes per second', kind: 'areas', left: bytesIn.flatMap((brokers) => Object.values(brokers)) },
      {
        title: 'NAT',
        unit: 'bytes per hour',
        kind: 'areas',
        left: [
          search('out', '{AWS/NATGateway,NatGatewayId} MetricName="BytesOutToDestination"', HOUR),
          search('in', '{AWS/NATGateway,NatGatewayId} MetricName="BytesInFromDestination"', HOUR),
        ],
      },
      {
        title: 'Logs',
        unit: 'bytes per hour',
        kind: 'areas',
        left: [search('', '{AWS/Logs,LogGroupName} MetricName="IncomingBytes" flexprice', HOUR)],
      },
    ],
  };
}
