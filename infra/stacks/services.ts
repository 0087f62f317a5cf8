import { join } from 'node:path';
import { CfnOutput, CustomResource, Duration, FileSystem, RemovalPolicy } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { type IRole, Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction, IFunction } from 'aws-cdk-lib/aws-lambda';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { acknowledge, anyOf } from '../acknowledge.ts';
import { FixedRouteApi } from '../constructs/fixed-route-api.ts';
import { gradually } from '../constructs/gradual-release.ts';
import { ProductFunction, type ProductFunctionProps } from '../constructs/product-function.ts';
import { type Backlog, ProductService } from '../constructs/product-service.ts';
import { type ProcessName, type ServiceName, type Settings, type SettingsProps, settingsOf } from '../constructs/settings.ts';
import {
  ALL_TOPICS,
  AUDIT_GROUP,
  CONSUMER_GROUPS,
  COUNTER_GROUP,
  deadLettersOf,
  EVENT_TOPICS,
  FOLLOW_UP_GROUP,
} from '../constructs/streams.ts';
import type { DataStack } from './data.ts';
import { EnvironmentStack, type EnvironmentStackProps } from './environment-stack.ts';
import type { NetworkStack } from './network.ts';
import type { PlatformStack } from './platform.ts';

export interface ServicesStackProps extends EnvironmentStackProps {
  readonly network: NetworkStack;
  readonly data: DataStack;
  readonly platform: PlatformStack;
  readonly dist: string;
}

/** Records that wait in the log, from which the consumer gets more tasks; one stores some ten thousand in a second. */
const CONSUMER_STEPS = [
  { from: 20_000, tasks: 1 },
  { from: 200_000, tasks: 2 },
  { from: 2_000_000, tasks: 4 },
];
/** Tasks of Temporal that wait. A worker has twenty in hand at a time. */
const WORKER_STEPS = [
  { from: 100, tasks: 1 },
  { from: 1000, tasks: 2 },
  { from: 10_000, tasks: 4 },
];
/** What only a deploy or a schedule calls runs once at a time. */
const ONE_AT_A_TIME = 1;

/** What runs: the functions behind the API, and the services for events, changes and jobs. */
export class ServicesStack extends EnvironmentStack {
  readonly api: FixedRouteApi;
  /** Every function of ours by its name. */
  readonly functions: Readonly<Record<'ingest' | 'management' | 'migrate' | 'kafka-bootstrap', LambdaFunction>>;
  readonly services: Readonly<Record<ServiceName, ProductService>>;
  readonly #props: ServicesStackProps;

  constructor(scope: Construct, id: string, props: ServicesStackProps) {
    super(scope, id, { config: props.config, ...(props.env === undefined ? {} : { env: props.env }) });
    this.#props = props;
    const { config, data, platform } = props;

    const lookup = this.function('KafkaBootstrap', {
      name: 'kafka-bootstrap',
      description: 'Looks up the brokers of the MSK cluster',
      memoryMiB: 256,
      timeout: Duration.seconds(30),
      reservedConcurrency: ONE_AT_A_TIME,
    });
    const settings: SettingsProps = { config, data, temporal: platform.temporal, brokers: this.brokers(lookup), secrets: this.secrets() };
    const of = (process: ProcessName): Settings => settingsOf(process, settings);

    const migrate = this.function('Migrate', {
      name: 'migrate',
      description: 'Applies database migrations',
      memoryMiB: 512,
      timeout: Duration.minutes(15),
      reservedConcurrency: ONE_AT_A_TIME,
      settings: of('migrate'),
      environment: { FLEXPRICE_BUILD_MIGRATIONS: './migrations' },
      role: 'migrate',
    });
    const ingest = this.function('Ingest', {
      name: 'ingest',
      description: 'Accepts usage events',
      ...config.ingest,
      timeout: Duration.seconds(29),
      settings: of('ingest'),
      role: 'ingest',
    });
    const management = this.function('Management', {
      name: 'management',
      description: 'Everything but the acceptance of events',
      ...config.management,
      timeout: Duration.seconds(29),
      settings: of('management'),
      role: 'management',
    });
    this.functions = { ingest, management, migrate, 'kafka-bootstrap': lookup };

    this.services = {
      consumer: this.service('Consumer', 'consumer', of('consumer'), {
        metric: this.most('ConsumerLag', 'consumer'),
        steps: CONSUMER_STEPS,
      }),
      relay: this.service('Relay', 'relay', of('relay')),
      worker: this.service('Worker', 'worker', of('worker'), { metric: this.most('JobBacklog', 'worker'), steps: WORKER_STEPS }),
    };
    this.grant();

    // New code never meets old tables.
    const migrated = this.migrated(migrate);
    for (const dependent of [ingest, management, ...Object.values(this.services).map(({ service }) => service)])
      dependent.node.addDependency(migrated);

    const released: IFunction = config.ingest.gradual ? gradually(this, 'IngestRelease', ingest) : ingest;
    this.api = new FixedRouteApi(this, 'Api', {
      ingest: released,
      management,
      throttle: config.throttle,
      ...(config.edge === undefined ? { domain: config.domain } : {}),
    });
    new CfnOutput(this, 'ApiUrl', { value: this.api.url });
  }

  private function(
    id: string,
    { role, ...props }: Omit<ProductFunctionProps, 'dist' | 'network'> & { readonly role?: 'ingest' | 'management' | 'migrate' },
  ): ProductFunction {
    const { network, dist } = this.#props;
    return new ProductFunction(this, id, {
      ...props,
      dist,
      ...(role === undefined ? {} : { network: { vpc: network.vpc, securityGroup: network.group(role) } }),
    });
  }

  private service(id: string, mode: ServiceName, settings: Settings, backlog?: Backlog): ProductService {
    const { network, platform, dist, config } = this.#props;
    return new ProductService(this, id, {
      mode,
      dist,
      cluster: platform.cluster,
      securityGroup: network.group(mode),
      size: config[mode],
      settings,
      ...(backlog === undefined ? {} : { backlog }),
    });
  }

  /** What every task of a service says of the same thing (workers/consumer/lag-probe.ts, workers/worker/engine-probe.ts): the most of them is the truth. */
  private most(metricName: string, service: ServiceName): Metric {
    return new Metric({
      namespace: 'FlexPrice',
      metricName,
      dimensionsMap: { service, environment: this.config.name },
      statistic: Stats.MAXIMUM,
      period: Duration.minutes(1),
    });
  }

  /** Rights on streams and queues: each process its own topics, and nothing else of the cluster. */
  private grant(): void {
    const { bus, overflow, overflowDeadLetters, postgres } = this.#props.data;
    const { ingest, management, migrate } = this.functions;
    const [consumer, relay, worker] = [this.services.consumer, this.services.relay, this.services.worker].map(
      ({ task }) => task.taskRole,
    ) as [IRole, IRole, IRole];
    for (const accepting of [ingest, management]) {
      bus.grantProduce(accepting, EVENT_TOPICS);
      overflow.grantSendMessages(accepting);
      postgres.grantFunction(accepting);
    }
    // Migrations make the tenant of the root key, as the application would.
    for (const direct of [consumer, relay, worker, migrate]) postgres.grantTask(direct);
    bus.grantConsume(consumer, EVENT_TOPICS, CONSUMER_GROUPS);
    bus.grantProduce(consumer, ['events_post_processing', ...deadLettersOf(EVENT_TOPICS)]);
    // Dead letters, and what is on its way, for which invoices wait. A policy of its own, so that nothing else is excused with it.
    const look = new Policy(this, 'LookIntoTopics', { roles: [...(management.role === undefined ? [] : [management.role]), worker] });
    for (const asking of [management, worker]) bus.grantProgress(asking, CONSUMER_GROUPS);
    overflow.grant(worker, 'sqs:GetQueueAttributes');
    bus.grantLook(look, [...EVENT_TOPICS, ...deadLettersOf(EVENT_TOPICS)]);
    acknowledge(look, 'A look into a topic is a group of its own, with a name that nobody knows before', anyOf(this, bus.readerGroupsArn));
    // Reprocessing puts stored events on their way again.
    bus.grantProduce(worker, ['events_post_processing']);
    bus.grantConsume(relay, ['system_events', 'events_post_processing'], [AUDIT_GROUP, COUNTER_GROUP, FOLLOW_UP_GROUP]);
    bus.grantProduce(relay, ['system_events', ...deadLettersOf(['system_events', 'events_post_processing']), ...EVENT_TOPICS]);
    overflow.grantConsumeMessages(relay);
    overflowDeadLetters.grantSendMessages(relay);
    // Readiness asks for every topic.
    for (const grantee of [management, consumer, relay, worker]) bus.grantDescribe(grantee, ALL_TOPICS);
  }

  /** Secrets that others made are known by name; those that only we use are made here. */
  private secrets(): SettingsProps['secrets'] {
    const { config, platform } = this.#props;
    const { writer, reader } = config.clickhouse;
    const rootKey = new Secret(this, 'RootKey', {
      description: 'API key with full rights, for the first tenant',
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ tenant: 'root' }),
        generateStringKey: 'key',
        excludePunctuation: true,
        passwordLength: 48,
      },
      removalPolicy: config.production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    acknowledge(rootKey, 'Rotated by the runbook: a new value, and a deploy of the function that reads it', 'AwsSolutions-SMG4');
    return {
      clickhouseWriter: Secret.fromSecretNameV2(this, 'ClickHouseWriter', writer.secretName),
      clickhouseReader: Secret.fromSecretNameV2(this, 'ClickHouseReader', reader.secretName),
      rootKey,
      ...(platform.temporal.apiKeySecret === undefined
        ? {}
        : { temporal: Secret.fromSecretNameV2(this, 'TemporalKey', platform.temporal.apiKeySecret) }),
      ...(config.edge === undefined ? {} : { originVerify: Secret.fromSecretNameV2(this, 'OriginVerify', config.edge.secretName) }),
    };
  }

  /** Runs the migrations in the deploy, again only when a file of theirs changed. */
  private migrated(migrate: ProductFunction): CustomResource {
    const migrations = new CustomResource(this, 'Migrations', {
      serviceToken: migrate.functionArn,
      serviceTimeout: Duration.minutes(16),
      properties: { Files: FileSystem.fingerprint(join(this.#props.dist, 'functions/migrate/migrations')) },
    });
    return afterItsRights(migrations, migrate);
  }

  /** CloudFormation has no attribute for the brokers of a cluster: a function asks once per deploy. */
  private brokers(lookup: ProductFunction): string {
    const { bus } = this.#props.data;
    lookup.addToRolePolicy(new PolicyStatement({ actions: ['kafka:GetBootstrapBrokers'], resources: [bus.clusterArn] }));
    const resource = new CustomResource(this, 'Brokers', {
      serviceToken: lookup.functionArn,
      serviceTimeout: Duration.minutes(2),
      properties: { ClusterArn: bus.clusterArn, Brokers: String(this.config.kafka.brokers) },
    });
    return afterItsRights(resource, lookup).getAttString('Brokers');
  }
}

/** A custom resource that waits for the policies of its function, too. */
function afterItsRights(resource: CustomResource, provider: ProductFunction): CustomResource {
  resource.node.addDependency(provider);
  acknowledge(resource, 'The CDK writes ServiceTimeout as text', 'CloudFormation-Validate::W9003');
  return resource;
}
