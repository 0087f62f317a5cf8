import { TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { aws, math } from '../metrics.ts';
import { brokerMetrics } from '../sources.ts';
import type { System } from '../system.ts';
import { type AlarmSpec, FIVE_MINUTES } from './spec.ts';

const { BREACHING, NOT_BREACHING } = TreatMissingData;

export function kafkaAlarms({ kafka }: EnvironmentConfig, system: System): AlarmSpec[] {
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

export function postgresAlarms({ databases, proxies }: System): AlarmSpec[] {
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
