import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { fixedCosts } from '../../infra/cost/fixed.ts';
import { type CostInputs, costInputs } from '../../infra/cost/inputs.ts';
import { costReport, costText } from '../../infra/cost/report.ts';
import type { Resources, TemplateResource } from '../../infra/cost/resources.ts';
import { requestOf, variableCosts } from '../../infra/cost/variable.ts';
import { costTable, TABLE_BATCHES, TABLE_EVENTS } from '../../scripts/cost.ts';
import { templatesOf } from '../../scripts/templates.ts';

const real = costInputs('us-east-1');
/** Prices that can be told apart in a sum. */
const inputs: CostInputs = {
  ...real,
  assumed: {
    ...real.assumed,
    clickhouseMonthly: { t: 7 },
    temporalCloudMonthly: { t: 0 },
    averageAcu: { t: 1 },
    postgresStorageGb: { t: 10 },
  },
};

function stack(resources: Record<string, TemplateResource>): Resources {
  return [{ stack: 's', Resources: resources }];
}

const cluster = (InstanceType: string, brokers: number, volume?: number): TemplateResource => ({
  Type: 'AWS::MSK::Cluster',
  Properties: {
    NumberOfBrokerNodes: brokers,
    BrokerNodeGroupInfo: { InstanceType, ...(volume === undefined ? {} : { StorageInfo: { EBSStorageInfo: { VolumeSize: volume } } }) },
  },
});
const service = (count: number, spot = false): Record<string, TemplateResource> => ({
  ConsumerService0A1B2C3D: {
    Type: 'AWS::ECS::Service',
    Properties: {
      DesiredCount: count,
      TaskDefinition: { Ref: 'Task' },
      CapacityProviderStrategy: [{ CapacityProvider: spot ? 'FARGATE_SPOT' : 'FARGATE' }],
    },
  },
  Task: { Type: 'AWS::ECS::TaskDefinition', Properties: { Cpu: '1024', Memory: '2048' } },
});
const ingest: Record<string, TemplateResource> = {
  Ingest0A1B2C3D: { Type: 'AWS::Lambda::Function', Properties: { Handler: 'index.handler', MemorySize: 1024 } },
};
const lineOf = (lines: readonly { service: string; usd: number }[], name: string) => lines.find((line) => line.service === name)?.usd;

describe('fixed costs, worked by hand', () => {
  test('brokers, with volumes where they have some', () => {
    expect(lineOf(fixedCosts('t', stack({ Kafka: cluster('kafka.t3.small', 2, 20) }), inputs), 'MSK')).toBeCloseTo(
      2 * 730 * 0.0456 + 2 * 20 * 0.1,
      6,
    );
    expect(lineOf(fixedCosts('t', stack({ Kafka: cluster('express.m7g.large', 3) }), inputs), 'MSK')).toBeCloseTo(3 * 730 * 0.408, 6);
  });

  test('an instance type without a price stops the calculation instead of costing nothing', () => {
    expect(() => fixedCosts('t', stack({ Kafka: cluster('kafka.m9.huge', 3) }), inputs)).toThrow('no price msk.kafka.m9.huge');
    expect(() => fixedCosts('nowhere', stack({}), inputs)).toThrow('for nowhere');
  });

  test('tasks, on demand and Spot', () => {
    const hour = 0.03238 + 2 * 0.00356;
    expect(lineOf(fixedCosts('t', stack(service(3)), inputs), 'Fargate')).toBeCloseTo(3 * hour * 730, 6);
    expect(lineOf(fixedCosts('t', stack(service(3, true)), inputs), 'Fargate')).toBeCloseTo(3 * hour * 730 * 0.35, 6);
  });

  test('Aurora pays for its least capacity in every instance', () => {
    const database = (MinCapacity: number): Record<string, TemplateResource> => ({
      Db: { Type: 'AWS::RDS::DBCluster', Properties: { ServerlessV2ScalingConfiguration: { MinCapacity, MaxCapacity: 64 } } },
      Writer: { Type: 'AWS::RDS::DBInstance' },
      Reader: { Type: 'AWS::RDS::DBInstance' },
    });
    expect(lineOf(fixedCosts('t', stack(database(4)), inputs), 'Aurora')).toBeCloseTo(2 * 4 * 730 * 0.12 + 1, 6);
    expect(lineOf(fixedCosts('t', stack(database(0)), inputs), 'Aurora')).toBeCloseTo(2 * 1 * 730 * 0.12 + 1, 6);
  });

  test('endpoints per zone, gateway endpoints for nothing; alarms by the metrics in them', () => {
    const lines = fixedCosts(
      't',
      stack({
        Inside: { Type: 'AWS::EC2::VPCEndpoint', Properties: { VpcEndpointType: 'Interface', SubnetIds: ['a', 'b', 'c'] } },
        S3: { Type: 'AWS::EC2::VPCEndpoint', Properties: { VpcEndpointType: 'Gateway' } },
        One: { Type: 'AWS::CloudWatch::Alarm', Properties: { MetricName: 'Errors' } },
        Three: {
          Type: 'AWS::CloudWatch::Alarm',
          Properties: { Metrics: [{ Expression: 'a + b + c' }, { MetricStat: {} }, { MetricStat: {} }, { MetricStat: {} }] },
        },
      }),
      inputs,
    );
    expect(lineOf(lines, 'VPC endpoints')).toBeCloseTo(3 * 730 * 0.01, 6);
    expect(lineOf(lines, 'CloudWatch')).toBeCloseTo(4 * 0.1, 6);
  });
});

describe('costs of events', () => {
  const resources = stack({ ...service(1), ...ingest });
  const sum = (eventsPerMonth: number, batch: number) =>
    variableCosts(resources, { eventsPerMonth, batch }, inputs).reduce((total, { usd }) => total + usd, 0);

  test('requests are paid by the million, and a large one counts as several', () => {
    expect(lineOf(variableCosts(resources, { eventsPerMonth: 5e6, batch: 1 }, inputs), 'API Gateway')).toBeCloseTo(5, 6);
    expect(lineOf(variableCosts(resources, { eventsPerMonth: 5e6, batch: 100 }, inputs), 'API Gateway')).toBeCloseTo(0.05, 6);
    const heavy: CostInputs = {
      ...inputs,
      measured: { ...inputs.measured, ingest: inputs.measured.ingest.map((point) => ({ ...point, requestBytes: 600_000 })) },
    };
    expect(lineOf(variableCosts(resources, { eventsPerMonth: 5e6, batch: 1 }, heavy), 'API Gateway')).toBeCloseTo(10, 6);
  });

  test('CloudFront and the firewall are paid where they are', () => {
    const names = (all: Resources) => variableCosts(all, { eventsPerMonth: 1e6, batch: 1 }, inputs).map((line) => line.service);
    expect(names(resources)).not.toContain('CloudFront and WAF');
    expect(names(stack({ ...service(1), ...ingest, Edge: { Type: 'AWS::CloudFront::Distribution' } }))).toContain('CloudFront and WAF');
  });

  test('more consumers come when one cannot store the average, and the report says when the service may not have them', () => {
    const line = (eventsPerMonth: number) =>
      variableCosts(resources, { eventsPerMonth, batch: 100 }, inputs).find((each) => each.service === 'More consumers');
    expect(line(1e6)?.usd).toBe(0);
    const perMonth = inputs.measured.perEvent.consumerRowsPerSecond * 730 * 3600;
    expect(line(perMonth * 2.5)?.what).toBe('2 tasks, but the service may have 1 at most');
  });

  test('more events never cost less, and larger batches never more', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e10 }),
        fc.integer({ min: 1, max: 1e9 }),
        fc.integer({ min: 1, max: 999 }),
        (events, more, batch) => {
          expect(sum(events + more, batch)).toBeGreaterThanOrEqual(sum(events, batch));
          expect(sum(events, batch + 1)).toBeLessThanOrEqual(sum(events, batch) * (1 + 1e-9));
        },
      ),
    );
  });

  test('a batch between two measured ones costs between them, a measured one what was measured', () => {
    const [first, second] = inputs.measured.ingest as [(typeof inputs.measured.ingest)[number], (typeof inputs.measured.ingest)[number]];
    expect(requestOf(inputs.measured, second.batch).handlerMs).toBeCloseTo(second.handlerMs, 9);
    expect(requestOf(inputs.measured, (first.batch + second.batch) / 2).requestBytes).toBeCloseTo(
      (first.requestBytes + second.requestBytes) / 2,
      6,
    );
  });
});

describe('the real templates', () => {
  let templates: Resources;
  beforeAll(() => {
    templates = templatesOf('prod');
  });

  test('the report adds up, and says that it is a model', () => {
    const report = costReport('prod', templates, { eventsPerMonth: 100e6, batch: 100 }, real);
    expect(report.total).toBeCloseTo(
      [...report.fixed, ...report.variable].reduce((total, { usd }) => total + usd, 0),
      6,
    );
    expect(report.perMillionAll * 100).toBeCloseTo(report.total, 6);
    for (const { usd } of [...report.fixed, ...report.variable]) expect(Number.isFinite(usd)).toBe(true);
    const text = costText(report, real);
    for (const line of ['MSK', 'Aurora', 'Lambda', 'CloudFront and WAF', 'a month fixed', 'a model, not a bill'])
      expect(text).toContain(line);
  });

  test('the documentation shows what the model says, to within five per cent', () => {
    const numbers = (text: string) =>
      text
        .split('\n')
        .filter((line) => /^\| [\d,]+ M /.test(line))
        .map((line) =>
          line
            .split('|')
            .slice(1, -1)
            .map((cell) => Number(cell.replace(/[^\d.]/g, ''))),
        );
    const documented = numbers(readFileSync(join(import.meta.dirname, '../../docs/cost.md'), 'utf8')).slice(
      0,
      TABLE_EVENTS.length * TABLE_BATCHES.length,
    );
    const computed = numbers(costTable('prod'));
    expect(documented).toHaveLength(computed.length);
    for (const [index, row] of computed.entries()) {
      for (const [column, value] of row.entries()) {
        const shown = documented[index]?.[column] ?? Number.NaN;
        expect(Math.abs(shown - value) / value, `row ${index + 1}, column ${column + 1}: ${shown}, computed ${value}`).toBeLessThan(0.05);
      }
    }
  });
});
