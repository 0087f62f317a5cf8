import { MathExpression, Metric, type MetricProps } from 'aws-cdk-lib/aws-cloudwatch';
import { Duration } from 'aws-cdk-lib';

/** As in shared/platform/observability/metrics.ts: infra loads nothing of the runtime, so a test compares the two. */
export const NAMESPACE = 'FlexPrice';

/** Our own metrics with the services that write them. */
export const PRODUCT_METRICS = {
  EventsAccepted: ['ingest'],
  EventsRejected: ['ingest'],
  IngestBatchSize: ['ingest'],
  KafkaPublishMs: ['ingest'],
  OverflowEnqueued: ['ingest'],
  AuthCacheMiss: ['ingest', 'management'],
  BatchInsertMs: ['consumer'],
  RowsInserted: ['consumer'],
  EventAgeSeconds: ['consumer'],
  DuplicateEvents: ['consumer'],
  EventsUnaccounted: ['consumer'],
  PoisonMessages: ['consumer'],
  ConsumerLag: ['consumer'],
  WorkflowStarted: ['worker'],
  WorkflowFailed: ['worker'],
  ActivityFailed: ['worker'],
  JobBacklog: ['worker'],
  ScheduleMissed: ['worker'],
  InvoicesWaiting: ['worker', 'management'],
  InvoicesFinalised: ['relay'],
  InvoiceAmountMinor: ['relay'],
  OutboxAgeSeconds: ['relay'],
  CanaryLatencySeconds: ['canary'],
} as const;

export type ProductMetric = keyof typeof PRODUCT_METRICS;

/** One of our own metrics, of the service that writes it (the first one unless told). */
export function product(
  environment: string,
  name: ProductMetric,
  statistic: string,
  more: { readonly service?: string; readonly label?: string; readonly period?: Duration } = {},
): Metric {
  const { service = PRODUCT_METRICS[name][0], label = name, period = Duration.minutes(1) } = more;
  return new Metric({ namespace: NAMESPACE, metricName: name, statistic, label, period, dimensionsMap: { service, environment } });
}

/** A metric of AWS's own. */
export function aws(
  namespace: string,
  metricName: string,
  statistic: string,
  dimensionsMap: Record<string, string>,
  more: MetricProps | { readonly label?: string; readonly period?: Duration } = {},
): Metric {
  return new Metric({
    namespace: `AWS/${namespace}`,
    metricName,
    statistic,
    dimensionsMap,
    period: Duration.minutes(1),
    label: metricName,
    ...more,
  });
}

export function math(
  label: string,
  expression: string,
  usingMetrics: Record<string, Metric>,
  period = Duration.minutes(1),
): MathExpression {
  return new MathExpression({ expression, usingMetrics, label, period });
}

/** One of our own metrics by currency: which currencies there are, only its data says. */
export function productByCurrency(environment: string, name: ProductMetric, period: Duration): MathExpression {
  const [service] = PRODUCT_METRICS[name];
  return search(
    '',
    `{${NAMESPACE},currency,environment,service} MetricName="${name}" environment="${environment}" service="${service}"`,
    period,
  );
}

/** Metrics by what they are about, for a number of things that a template cannot list. Dashboards only: no alarm can search. */
export function search(label: string, expression: string, period = Duration.minutes(5)): MathExpression {
  return new MathExpression({ expression: `SEARCH('${expression}', 'Sum', ${period.toSeconds()})`, usingMetrics: {}, label, period });
}
