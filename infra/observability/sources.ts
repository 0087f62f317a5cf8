import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { FargateService } from 'aws-cdk-lib/aws-ecs';
import { aws } from './metrics.ts';

/** The same metric of every broker, under the ids `b1`, `b2` ... for an expression. */
export function brokerMetrics(clusterName: string, brokers: number, metricName: string, statistic = 'Average'): Record<string, Metric> {
  return Object.fromEntries(
    Array.from({ length: brokers }, (_, index) => [
      `b${index + 1}`,
      aws(
        'Kafka',
        metricName,
        statistic,
        { 'Cluster Name': clusterName, 'Broker ID': String(index + 1) },
        { period: Duration.minutes(5), label: `broker ${index + 1}` },
      ),
    ]),
  );
}

/** Tasks of a service that should run and that do, as Container Insights counts them. */
export function taskCounts({ serviceName, cluster: { clusterName } }: FargateService): { wanted: Metric; running: Metric } {
  const of = (metricName: string, label: string) =>
    new Metric({
      namespace: 'ECS/ContainerInsights',
      metricName,
      statistic: 'Minimum',
      label,
      period: Duration.minutes(1),
      dimensionsMap: { ServiceName: serviceName, ClusterName: clusterName },
    });
  return { wanted: of('DesiredTaskCount', 'wanted'), running: of('RunningTaskCount', 'running') };
}
