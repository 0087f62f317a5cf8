import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { METRIC_NAMESPACE, METRICS } from '#platform/observability/metrics.ts';
import { ENVIRONMENT_NAMES, environmentConfig } from '../../infra/config/environments.ts';
import { NAMESPACE, PRODUCT_METRICS } from '../../infra/observability/metrics.ts';
import { dashboardPage, dashboardsIn } from '../../scripts/dashboard-page.ts';
import { type Resource, type Template, templatesOf } from '../../scripts/templates.ts';

const root = join(import.meta.dirname, '../..');
const runbooks = join(root, 'docs/runbooks');

interface AlarmProperties {
  readonly AlarmName: string;
  readonly AlarmDescription: string;
  readonly TreatMissingData?: string;
  readonly AlarmActions?: readonly unknown[];
  readonly Metrics?: readonly { readonly Id: string; readonly Expression?: string }[];
}

test('infra names the metrics that the code records, under the same namespace', () => {
  expect(NAMESPACE).toBe(METRIC_NAMESPACE);
  expect(Object.keys(PRODUCT_METRICS).sort()).toEqual(Object.keys(METRICS).sort());
});

test('every runbook is in the list of runbooks', () => {
  const list = readFileSync(join(runbooks, 'README.md'), 'utf8');
  for (const file of readdirSync(runbooks).filter((name) => name !== 'README.md')) expect(list).toContain(`(${file})`);
});

describe.each(ENVIRONMENT_NAMES)('%s', (env) => {
  let templates: Template[];
  let observability: [string, Resource][];
  const of = <T>(type: string): [string, T][] =>
    observability.filter(([, { Type }]) => Type === type).map(([id, { Properties }]) => [id, Properties as T]);
  const everywhere = (type: string): Resource[] =>
    templates.flatMap(({ Resources }) => Object.values(Resources)).filter(({ Type }) => Type === type);

  beforeAll(() => {
    templates = templatesOf(env);
    observability = Object.entries(templates.find(({ stack }) => stack.endsWith('-observability'))?.Resources ?? {});
  });

  test('every alarm says what it means, what silence means, whom it tells, and where the runbook is', () => {
    const alarms = of<AlarmProperties>('AWS::CloudWatch::Alarm');
    expect(alarms.length).toBeGreaterThan(25);
    const [[topic] = ['']] = of('AWS::SNS::Topic');
    for (const [, alarm] of alarms) {
      const name = /docs\/runbooks\/([a-z-]+)\.md$/.exec(alarm.AlarmDescription)?.[1] ?? '';
      expect(existsSync(join(runbooks, `${name}.md`)), alarm.AlarmName).toBe(true);
      expect(['breaching', 'notBreaching'], alarm.AlarmName).toContain(alarm.TreatMissingData);
      expect(alarm.AlarmActions).toEqual([{ Ref: topic }]);
      expect(alarm.AlarmName).toMatch(new RegExp(`^flexprice-${env}-[a-z0-9-]+$`));
    }
    expect(new Set(alarms.map(([, { AlarmName }]) => AlarmName)).size).toBe(alarms.length);
  });

  test('an expression uses the metrics that it is given, and all of them', () => {
    for (const [, { AlarmName, Metrics = [] }] of of<AlarmProperties>('AWS::CloudWatch::Alarm')) {
      const expression = Metrics.find((metric) => metric.Expression !== undefined)?.Expression;
      if (expression === undefined) continue;
      const used = new Set(expression.match(/\b[a-z]\w*\b/g));
      expect([...used].sort(), AlarmName).toEqual(
        Metrics.filter((metric) => metric.Expression === undefined)
          .map(({ Id }) => Id)
          .sort(),
      );
    }
  });

  test('one composite alarm pages, for what customers notice', () => {
    const [[, page]] = of<{ AlarmRule: unknown; AlarmActions: unknown[] }>('AWS::CloudWatch::CompositeAlarm') as [
      [string, { AlarmRule: unknown; AlarmActions: unknown[] }],
    ];
    const rule = JSON.stringify(page.AlarmRule);
    for (const name of ['api5xx', 'canaryfailed', 'eventslate', 'outboxold', 'overflowold', 'overflowdeadlettersnotempty'])
      expect(rule).toContain(`Alarm${name}`);
    expect(page.AlarmActions).toHaveLength(1);
  });

  test('every function and every service of ours has a log group of limited life, and alarms', () => {
    const names = of<AlarmProperties>('AWS::CloudWatch::Alarm').map(([, { AlarmName }]) => AlarmName);
    const functions = everywhere('AWS::Lambda::Function').filter(
      ({ Properties }) => Properties?.Handler === 'index.handler' && Properties.Runtime === 'nodejs24.x',
    );
    expect(functions.length).toBeGreaterThanOrEqual(5);
    for (const { Properties } of functions) expect(Properties?.LoggingConfig).toMatchObject({ LogGroup: expect.anything() as unknown });
    expect(names.filter((name) => name.endsWith('-errors'))).toHaveLength(functions.length);
    expect(names.filter((name) => name.endsWith('-throttled'))).toHaveLength(functions.length);
    const services = everywhere('AWS::ECS::Service');
    expect(services.length).toBeGreaterThanOrEqual(3);
    expect(names.filter((name) => name.endsWith('-tasks-missing'))).toHaveLength(services.length);
    const queues = everywhere('AWS::SQS::Queue');
    expect(names.filter((name) => /-(old|not-empty)$/.test(name) && name !== `flexprice-${env}-outbox-old`)).toHaveLength(queues.length);
    for (const { Properties = {} } of everywhere('AWS::ECS::TaskDefinition')) {
      for (const container of Properties.ContainerDefinitions as { LogConfiguration?: { Options?: object } }[])
        expect(container.LogConfiguration?.Options).toHaveProperty('awslogs-group');
    }
    for (const { Properties } of everywhere('AWS::Logs::LogGroup'))
      expect(Properties?.RetentionInDays).toBe(environmentConfig(env).logDays);
  });

  test('what dashboards and alarms show of our own exists, with the dimensions that the code gives it', () => {
    const bodies = JSON.stringify(observability.map(([, { Properties }]) => Properties))
      .replaceAll('\\\\\\"', '"')
      .replaceAll('\\"', '"');
    const drawn = [...bodies.matchAll(/\["FlexPrice","(\w+)","environment","([\w-]+)","service","(\w+)"/g)].map(
      ([, name = '', environment, service = '']) => ({ name, environment, service }),
    );
    // Amounts are searched for, since only the data says which currencies there are.
    const searched = [
      ...bodies.matchAll(/\{FlexPrice,currency,environment,service\} MetricName="(\w+)" environment="([\w-]+)" service="(\w+)"/g),
    ].map(([, name = '', environment, service = '']) => ({ name, environment, service }));
    expect(new Set([...drawn, ...searched].map(({ name }) => name))).toEqual(new Set(Object.keys(METRICS)));
    for (const { name, environment, service } of [...drawn, ...searched]) {
      expect(environment).toBe(env);
      expect(PRODUCT_METRICS[name as keyof typeof PRODUCT_METRICS], name).toContain(service);
    }
    expect(bodies.match(/"FlexPrice"/g)).toHaveLength(drawn.length + (bodies.match(/"Namespace":"FlexPrice"/g)?.length ?? 0));
  });

  test('dashboards have the alarms on top and seven rows below, and nothing lies over anything else', () => {
    const dashboards = dashboardsIn(templates);
    expect(dashboards.map(({ name }) => name)).toEqual([`flexprice-${env}-operations`, `flexprice-${env}-business`]);
    const alarms = of('AWS::CloudWatch::Alarm').length + of('AWS::CloudWatch::CompositeAlarm').length;
    for (const { widgets } of dashboards) {
      expect(widgets[1]?.properties.alarms).toHaveLength(alarms);
      const cells = widgets.flatMap(({ x, y, width, height }) =>
        Array.from({ length: width * height }, (_, cell) => `${x + (cell % width)}:${y + Math.floor(cell / width)}`),
      );
      expect(new Set(cells).size).toBe(cells.length);
      for (const { x, width } of widgets) expect(x + width).toBeLessThanOrEqual(24);
    }
    const rows = dashboards
      .flatMap(({ widgets }) => widgets.map(({ properties }) => properties.markdown ?? ''))
      .filter((markdown) => markdown.startsWith('## '));
    expect(rows).toEqual(
      ['Golden signals', 'Ingest', 'Stream', 'Stores', 'Jobs and tasks', 'Business', 'Cost drivers'].map((row) => `## ${row}`),
    );
  });

  test('the preview shows every title and every metric, and no placeholder that is not one', () => {
    const dashboards = dashboardsIn(templates);
    const page = dashboardPage(`Dashboards of ${env}`, dashboards);
    const titles = dashboards.flatMap(({ widgets }) => widgets.map(({ properties }) => properties.title ?? '')).filter(Boolean);
    expect(titles.length).toBeGreaterThan(20);
    for (const title of titles) expect(page).toContain(`<h3>${title}</h3>`);
    for (const name of Object.keys(METRICS)) expect(page).toMatch(new RegExp(`FlexPrice ${name} |MetricName=&quot;${name}&quot;`));
    expect(page).not.toMatch(/undefined|\[object|NaN/);
  });

  test('the canary calls the API on a schedule, and its key is no value of the template', () => {
    const [[, rule]] = of<{ ScheduleExpression: string }>('AWS::Events::Rule') as [[string, { ScheduleExpression: string }]];
    expect(rule.ScheduleExpression).toBe('rate(5 minutes)');
    const [[, canary]] = of<{ Environment: { Variables: Record<string, unknown> } }>('AWS::Lambda::Function') as [
      [string, { Environment: { Variables: Record<string, unknown> } }],
    ];
    expect(JSON.stringify(canary.Environment.Variables.FLEXPRICE_CANARY_API_KEY)).toContain('secretsmanager:');
    expect(canary.Environment.Variables).toHaveProperty('FLEXPRICE_CANARY_URL');
  });
});
