import { type CostLine, HOURS, taskHour } from './fixed.ts';
import type { CostInputs, Measurements } from './inputs.ts';
import { functionMemoryGb, ofType, type Resources, services } from './resources.ts';

export interface Workload {
  readonly eventsPerMonth: number;
  /** Events per request. */
  readonly batch: number;
}

const GB = 1e9;
const MILLION = 1e6;
/** API Gateway counts a larger request as several. */
const REQUEST_UNIT_BYTES = 512 * 1024;
const RETENTION_DAYS_OF_KAFKA = 7;
const DAYS_PER_MONTH = 30.4;

/** What the events of a month cost on top of the fixed costs. */
export function variableCosts(resources: Resources, { eventsPerMonth, batch }: Workload, inputs: CostInputs): CostLine[] {
  const { priceOf, measured, assumed } = inputs;
  const requests = eventsPerMonth / batch;
  const perRequest = requestOf(measured, batch);
  const [hasEdge, isExpress] = [
    ofType(resources, 'AWS::CloudFront::Distribution').length > 0,
    JSON.stringify(ofType(resources, 'AWS::MSK::Cluster')).includes('"express.'),
  ];
  const units = requests * Math.ceil(perRequest.requestBytes / REQUEST_UNIT_BYTES);
  const seconds = (perRequest.handlerMs + assumed.publishMs) / 1000;
  const kafkaGb = (requests * perRequest.kafkaBytes * assumed.realisticFactor) / GB;
  const logGb = (requests * (perRequest.logBytes + assumed.lambdaPlatformLogBytes + assumed.accessLogBytes)) / GB;
  const { perEvent } = measured;
  const toClickHouseGb = (eventsPerMonth * perEvent.clickhouseSentBytes * assumed.realisticFactor) / GB;
  const keptGb = (eventsPerMonth * perEvent.clickhouseStoredBytes * assumed.realisticFactor * assumed.eventRetentionMonths) / GB;
  const isPrivate = ofType(resources, 'AWS::EC2::VPCEndpoint').some(({ ServiceName }) => String(ServiceName).includes('vpce-svc'));
  const logMonths = Number(ofType(resources, 'AWS::Logs::LogGroup')[0]?.RetentionInDays ?? 0) / DAYS_PER_MONTH;

  return [
    { service: 'API Gateway', what: `${million(units)} M requests`, usd: (units / MILLION) * priceOf('apigateway.http') },
    ...(hasEdge
      ? [
          {
            service: 'CloudFront and WAF',
            what: `${million(requests)} M requests`,
            usd:
              (requests / MILLION) * (priceOf('cloudfront.requests') + priceOf('waf.requests')) +
              ((requests * perRequest.requestBytes) / GB) * priceOf('cloudfront.origin'),
          },
        ]
      : []),
    {
      service: 'Lambda',
      what: `${(seconds * 1000).toFixed(1)} ms a request`,
      usd:
        (requests / MILLION) * (priceOf('lambda.requests') + assumed.xraySampledShare * priceOf('xray.traces')) +
        requests * seconds * functionMemoryGb(resources, 'Ingest') * priceOf('lambda.gbs'),
    },
    { service: 'Logs', what: `${logGb.toFixed(1)} GB`, usd: logGb * (priceOf('logs.in') + priceOf('logs.kept') * logMonths) },
    // In by ingest and out to one consumer; two thirds of it between zones, paid on both sides.
    {
      service: 'MSK traffic',
      what: `${kafkaGb.toFixed(1)} GB in`,
      usd:
        kafkaGb *
          (isExpress ? priceOf('msk.express.in') + (priceOf('msk.express.storage') * RETENTION_DAYS_OF_KAFKA) / DAYS_PER_MONTH : 0) +
        kafkaGb * 2 * (2 / 3) * 2 * priceOf('zone.gb'),
    },
    consumers(resources, eventsPerMonth, inputs),
    {
      service: 'To ClickHouse',
      what: `${toClickHouseGb.toFixed(1)} GB ${isPrivate ? 'over PrivateLink' : 'over NAT'}`,
      usd: toClickHouseGb * (isPrivate ? priceOf('zone.gb') : priceOf('nat.gb') + priceOf('internet.out')),
    },
    {
      service: 'ClickHouse storage',
      what: `${keptGb.toFixed(1)} GB after ${assumed.eventRetentionMonths} months`,
      usd: keptGb * priceOf('clickhouse.storage'),
    },
    clickHouseCompute(eventsPerMonth, inputs),
    { service: 'Answers', what: 'data out', usd: ((requests * perRequest.responseBytes) / GB) * priceOf('internet.out') },
  ];
}

/** A request of any number of events, between the measured ones on a straight line. */
export function requestOf({ ingest }: Measurements, batch: number): Omit<Measurements['ingest'][number], 'batch'> {
  const points = ingest.toSorted((a, b) => a.batch - b.batch);
  const after = Math.max(
    1,
    points.findIndex((point) => point.batch >= batch),
  );
  const [low, high] = (batch > (points.at(-1)?.batch ?? 0) ? points.slice(-2) : points.slice(after - 1, after + 1)) as [
    Measurements['ingest'][number],
    Measurements['ingest'][number],
  ];
  const share = (batch - low.batch) / (high.batch - low.batch);
  const between = (key: 'handlerMs' | 'requestBytes' | 'responseBytes' | 'kafkaBytes' | 'logBytes'): number =>
    low[key] + share * (high[key] - low[key]);
  return {
    handlerMs: between('handlerMs'),
    requestBytes: between('requestBytes'),
    responseBytes: between('responseBytes'),
    kafkaBytes: between('kafkaBytes'),
    logBytes: between('logBytes'),
  };
}

/** Consumers that the average needs beyond those that always run; the peak of a day is worked off by its valleys. */
function consumers(resources: Resources, eventsPerMonth: number, { priceOf, measured }: CostInputs): CostLine {
  const consumer = services(resources).find(({ name }) => name.startsWith('consumer'));
  if (consumer === undefined) throw new Error('no template has a consumer');
  const perTask = measured.perEvent.consumerRowsPerSecond * Math.min(1, consumer.vcpu);
  const needed = Math.ceil(eventsPerMonth / (HOURS * 3600) / perTask);
  const more = Math.max(0, needed - consumer.count);
  const warning = needed > consumer.most ? `, but the service may have ${consumer.most} at most` : '';
  return {
    service: 'More consumers',
    what: `${more} tasks${warning}`,
    usd: more * HOURS * taskHour(consumer.vcpu, consumer.gb, consumer.spot, priceOf),
  };
}

function clickHouseCompute(eventsPerMonth: number, { priceOf, assumed }: CostInputs): CostLine {
  const peak = (eventsPerMonth / (HOURS * 3600)) * assumed.peakOverAverage;
  const units = Math.max(0, Math.ceil((peak - assumed.clickhouseIncludedEventsPerSecond) / assumed.clickhouseIncludedEventsPerSecond));
  return { service: 'ClickHouse compute', what: `${units} more compute units`, usd: units * HOURS * priceOf('clickhouse.compute') };
}

function million(value: number): string {
  return (value / MILLION).toLocaleString('en-US', { maximumFractionDigits: 2 });
}
