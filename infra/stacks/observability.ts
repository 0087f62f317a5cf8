import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmRule,
  AlarmStatusWidget,
  CompositeAlarm,
  Dashboard,
  GraphWidget,
  GraphWidgetView,
  type IWidget,
  SingleValueWidget,
  TextWidget,
  TextWidgetBackground,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { CfnQueryDefinition } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import { ProductFunction } from '../constructs/product-function.ts';
import { type AlarmSpec, comparisonOf } from '../observability/alarms/spec.ts';
import { alarmsOf } from '../observability/alarms.ts';
import { type DashboardSpec, dashboardsOf, type Panel } from '../observability/dashboards.ts';
import { SAVED_QUERIES } from '../observability/queries.ts';
import { discover } from '../observability/system.ts';
import { EnvironmentStack, type EnvironmentStackProps } from './environment-stack.ts';

export interface ObservabilityStackProps extends EnvironmentStackProps {
  /** Where customers reach the API. */
  readonly apiUrl: string;
  readonly dist: string;
}

const GRID_COLUMNS = 24;
const PANEL_HEIGHT = 6;

/** What an operator sees of an environment. Made last: it watches what the stage has by then. */
export class ObservabilityStack extends EnvironmentStack {
  readonly alarms: Topic;

  constructor(scope: Construct, id: string, { apiUrl, dist, ...props }: ObservabilityStackProps) {
    super(scope, id, props);
    const { config } = props;
    this.canary(apiUrl, dist);
    const system = discover(this.node.scope ?? this);

    // An own key, because CloudWatch cannot publish to a topic under the one that AWS manages.
    const key = new Key(this, 'AlarmsKey', {
      description: 'Alarms of FlexPrice',
      enableKeyRotation: true,
      removalPolicy: this.removalPolicy,
    });
    key.grantEncryptDecrypt(new ServicePrincipal('cloudwatch.amazonaws.com'));
    this.alarms = new Topic(this, 'Alarms', { displayName: `FlexPrice ${config.name}`, masterKey: key, enforceSSL: true });
    this.alarms.addSubscription(new EmailSubscription(config.operations.email));

    const specs = alarmsOf(config, system);
    const made = specs.map((spec) => ({ spec, alarm: this.alarm(spec) }));
    const page = new CompositeAlarm(this, 'Page', {
      compositeAlarmName: `flexprice-${config.name}-page`,
      alarmDescription: `Somebody is needed now: customers notice, or soon will. Runbooks: ${this.runbook('README')}`,
      alarmRule: AlarmRule.anyOf(...made.filter(({ spec }) => spec.pages).map(({ alarm }) => alarm)),
    });
    page.addAlarmAction(new SnsAction(this.alarms));
    page.addOkAction(new SnsAction(this.alarms));

    for (const dashboard of dashboardsOf(config, system)) this.dashboard(dashboard, [page, ...made.map(({ alarm }) => alarm)]);
    for (const { id: query, lines } of SAVED_QUERIES) {
      new CfnQueryDefinition(this, `Query-${query}`, {
        name: `flexprice-${config.name}/${query}`,
        queryString: lines.join('\n| '),
        logGroupNames: system.logs.map(({ it }) => it.logGroupName),
      });
    }
  }

  private alarm(spec: AlarmSpec): Alarm {
    const {
      id,
      says,
      metric,
      points: [datapointsToAlarm, evaluationPeriods],
      missing,
      runbook,
    } = spec;
    const alarm = new Alarm(this, `Alarm-${id}`, {
      alarmName: `flexprice-${this.config.name}-${id}`,
      alarmDescription: `${says}. Runbook: ${this.runbook(runbook)}`,
      metric,
      datapointsToAlarm,
      evaluationPeriods,
      treatMissingData: missing,
      ...comparisonOf(spec),
    });
    alarm.addAlarmAction(new SnsAction(this.alarms));
    return alarm;
  }

  private runbook(name: string): string {
    return `https://github.com/${this.config.github.repository}/blob/main/docs/runbooks/${name}.md`;
  }

  private dashboard({ id, title, rows }: DashboardSpec, alarms: readonly (Alarm | CompositeAlarm)[]): void {
    const { name } = this.config;
    new Dashboard(this, `Dashboard-${id}`, {
      dashboardName: `flexprice-${name}-${id}`,
      widgets: [
        [heading(`# FlexPrice ${name}: ${title}`, 1)],
        [new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: GRID_COLUMNS, height: 1 + Math.ceil(alarms.length / 10) })],
        ...rows.flatMap(({ title: row, panels }) => [
          [heading(`## ${row}`, 1)],
          panels.map((panel) => widget(panel, GRID_COLUMNS / panels.length)),
        ]),
      ],
    });
  }

  /** Calls the API as a customer does, and so stands outside of the VPC. */
  private canary(apiUrl: string, dist: string): void {
    const { config } = this;
    const key = new Secret(this, 'CanaryKey', {
      description:
        "API key of the canary's tenant, as JSON with the key apiKey: put it in after the first deploy (docs/runbooks/deploy.md)",
      // What is generated is no key that the API knows: until somebody puts one in, the canary fails, and its alarm says so.
      generateSecretString: { secretStringTemplate: '{}', generateStringKey: 'apiKey', excludePunctuation: true },
      removalPolicy: this.removalPolicy,
    });
    const canary = new ProductFunction(this, 'Canary', {
      name: 'canary',
      dist,
      description: 'Sends an event and waits for its usage',
      memoryMiB: 256,
      timeout: Duration.minutes(3),
      reservedConcurrency: 1,
      environment: {
        FLEXPRICE_DEPLOYMENT_ENVIRONMENT: config.name,
        FLEXPRICE_CANARY_URL: apiUrl,
        FLEXPRICE_CANARY_API_KEY: `secretsmanager:${key.secretArn}#apiKey`,
      },
    });
    acknowledge(
      key,
      'A person makes this key at the API and puts it in; a new one takes the place of the old within minutes',
      'AwsSolutions-SMG4',
    );
    key.grantRead(canary);
    // A run that failed is not repeated: the next one comes anyway.
    canary.configureAsyncInvoke({ retryAttempts: 0 });
    new Rule(this, 'CanarySchedule', {
      schedule: Schedule.rate(Duration.minutes(5)),
      targets: [new LambdaFunction(canary, { retryAttempts: 0 })],
    });
  }
}

function heading(markdown: string, height: number): TextWidget {
  return new TextWidget({ markdown, width: GRID_COLUMNS, height, background: TextWidgetBackground.TRANSPARENT });
}

function widget({ title, left, right = [], unit, kind = 'lines' }: Panel, width: number): IWidget {
  if (kind === 'numbers')
    return new SingleValueWidget({ title, metrics: [...left], width, height: PANEL_HEIGHT, setPeriodToTimeRange: true });
  return new GraphWidget({
    title,
    left: [...left],
    right: [...right],
    width,
    height: PANEL_HEIGHT,
    view: GraphWidgetView.TIME_SERIES,
    stacked: kind === 'areas',
    leftYAxis: { min: 0, showUnits: false, ...(unit === undefined ? {} : { label: unit }) },
    ...(right.length === 0 ? {} : { rightYAxis: { min: 0, showUnits: false } }),
  });
}
