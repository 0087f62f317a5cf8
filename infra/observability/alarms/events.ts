import { TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { math, product } from '../metrics.ts';
import type { System } from '../system.ts';
import { type AlarmSpec, FIVE_MINUTES } from './spec.ts';

const { BREACHING, NOT_BREACHING } = TreatMissingData;

export function ingestAlarms(config: EnvironmentConfig, { queues, deadLetterQueues }: System): AlarmSpec[] {
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
        says: 'Accepted events were given up and wait for a person: nothing replays them by itself',
        pages: true,
        runbook: 'redrive-dlq',
        points: [1, 1],
        missing: NOT_BREACHING,
        above: 0,
        metric: it.metricApproximateNumberOfMessagesVisible({ period: FIVE_MINUTES, statistic: 'Maximum' }),
      }),
    ),
  ];
}

export function streamAlarms({ name }: EnvironmentConfig, _: System): AlarmSpec[] {
  const lag = product(name, 'ConsumerLag', 'Maximum');
  return [
    {
      id: 'invoices-wait',
      says: 'Invoices that are due have waited for a quarter of an hour for events that were accepted and are not stored yet',
      pages: true,
      runbook: 'consumer-behind',
      points: [3, 3],
      missing: NOT_BREACHING,
      above: 0,
      metric: product(name, 'InvoicesWaiting', 'Sum', { period: FIVE_MINUTES }),
    },
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
