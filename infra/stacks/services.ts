import { join } from 'node:path';
import { CfnOutput, CustomResource, Duration, FileSystem, Validations } from 'aws-cdk-lib';
import { Cluster, ContainerInsights, Secret as TaskSecret } from 'aws-cdk-lib/aws-ecs';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { FixedRouteApi } from '../constructs/fixed-route-api.ts';
import { ProductFunction } from '../constructs/product-function.ts';
import { ProductService } from '../constructs/product-service.ts';
import type { DataStack } from './data.ts';
import { EnvironmentStack, type EnvironmentStackProps } from './environment-stack.ts';
import type { NetworkStack } from './network.ts';

export interface ServicesStackProps extends EnvironmentStackProps { readonly network: NetworkStack; readonly data: DataStack; readonly dist: string }

const EVENT_TOPICS = ['events', 'events_lazy'];
const ALL_TOPICS = [...EVENT_TOPICS, 'events_post_processing', 'system_events'].flatMap((topic) => [topic, `${topic}.dlq`]);
const CONSUMER_GROUPS = EVENT_TOPICS.map((topic) => `event-store-${topic}`);
const AUDIT_GROUP = 'audit';

/** What runs: the functions behind the API, and the consumer and worker services. */
export class ServicesStack extends EnvironmentStack {
  readonly #data: DataStack;
  readonly #network: NetworkStack;
  readonly #dist: string;
  readonly #clickhouseSecret: ISecret;
  readonly #temporalSecret: ISecret | undefined;

  constructor(scope: Construct, id: string, { network, data, dist, ...props }: ServicesStackProps) {
    super(scope, id, props);
    const { config } = props;
    this.#data = data;
    this.#network = network;
    this.#dist = dist;
    this.#clickhouseSecret = Secret.fromSecretNameV2(this, 'ClickHouse', config.clickhouse.secretName);
    this.#temporalSecret = config.temporal && Secret.fromSecretNameV2(this, 'Temporal', config.temporal.secretName);

    const migration = this.migration();
    const environment = { ...this.settings(), FLEXPRICE_KAFKA_BROKERS: this.brokers() };

    const ingest = this.apiFunction('Ingest', 'ingest', 'Accepts usage events', config.ingest.memoryMiB, { ...environment, FLEXPRICE_POSTGRES_POOL_MAX: '1' }, config.ingest.reservedConcurrency);
    data.bus.grantProduce(ingest, EVENT_TOPICS);
    data.overflow.grantSendMessages(ingest);
    const management = this.apiFunction('Management', 'management', 'Everything but the acceptance of events', config.management.memoryMiB, { ...environment, FLEXPRICE_POSTGRES_POOL_MAX: '2' });
    data.bus.grantProduce(management, EVENT_TOPICS);
    data.overflow.grantSendMessages(management);
    const api = new FixedRouteApi(this, 'Api', { ingest, management, throttle: config.throttle });

    const cluster = new Cluster(this, 'Cluster', { vpc: network.vpc, enableFargateCapacityProviders: true, containerInsightsV2: ContainerInsights.ENABLED });
    const secrets = this.taskSecrets();
    const consumer = new ProductService(this, 'Consumer', { mode: 'consumer', dist, cluster, securityGroup: network.runtime, size: config.consumer, environment, secrets });
    const worker = new ProductService(this, 'Worker', { mode: 'worker', dist, cluster, securityGroup: network.runtime, size: config.worker, environment, secrets });
    data.bus.grantConsume(consumer.task.taskRole, EVENT_TOPICS, CONSUMER_GROUPS);
    data.bus.grantProduce(consumer.task.taskRole, ['events_post_processing', ...EVENT_TOPICS.map((topic) => `${topic}.dlq`)]);
    data.bus.grantConsume(worker.task.taskRole, ['system_events'], [AUDIT_GROUP]);
    data.bus.grantProduce(worker.task.taskRole, ['system_events', 'system_events.dlq', ...EVENT_TOPICS]);
    // Readiness asks for every topic.
    for (const grantee of [management, consumer.task.taskRole, worker.task.taskRole]) data.bus.grantDescribe(grantee, ALL_TOPICS);
    data.overflow.grantConsumeMessages(worker.task.taskRole);

    // New code never meets old tables.
    for (const dependent of [ingest, management, consumer.service, worker.service]) dependent.node.addDependency(migration);
    new CfnOutput(this, 'ApiUrl', { value: api.url });
  }

  /** Settings of every process. Functions read secrets by reference, tasks get them from ECS. */
  private settings(): Record<string, string> {
    const { config } = this;
    const { postgres, bus, overflow } = this.#data;
    return {
      FLEXPRICE_DEPLOYMENT_MODE: 'api',
      FLEXPRICE_DEPLOYMENT_ENVIRONMENT: config.name,
      FLEXPRICE_POSTGRES_HOST: postgres.host,
      FLEXPRICE_POSTGRES_PORT: postgres.port,
      FLEXPRICE_POSTGRES_DATABASE: postgres.database,
      FLEXPRICE_POSTGRES_SSL: 'true',
      FLEXPRICE_CLICKHOUSE_URL: config.clickhouse.url,
      FLEXPRICE_CLICKHOUSE_USER: config.clickhouse.user,
      FLEXPRICE_KAFKA_AUTH: 'iam',
      FLEXPRICE_KAFKA_SSL: 'true',
      FLEXPRICE_KAFKA_REGION: config.region,
      FLEXPRICE_KAFKA_REPLICATION_FACTOR: String(bus.replicationFactor),
      FLEXPRICE_OVERFLOW_QUEUE_URL: overflow.queueUrl,
      ...(config.temporal === undefined ? {} : { FLEXPRICE_TEMPORAL_ADDRESS: config.temporal.address, FLEXPRICE_TEMPORAL_NAMESPACE: config.temporal.namespace, FLEXPRICE_TEMPORAL_TLS: 'true' }),
    };
  }

  private apiFunction(id: string, name: string, description: string, memoryMiB: number, environment: Record<string, string>, reservedConcurrency?: number): ProductFunction {
    const { postgres } = this.#data;
    const created = new ProductFunction(this, id, {
      name, dist: this.#dist, description, memoryMiB, timeout: Duration.seconds(29), network: { vpc: this.#network.vpc, securityGroup: this.#network.runtime },
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrency }),
      environment: {
        ...environment,
        FLEXPRICE_POSTGRES_PASSWORD: reference(postgres.appSecret.secretArn, 'password'),
        FLEXPRICE_CLICKHOUSE_PASSWORD: reference(this.#clickhouseSecret.secretName, 'password'),
        ...(this.config.temporal === undefined ? {} : { FLEXPRICE_TEMPORAL_API_KEY: reference(this.config.temporal.secretName, 'apiKey') }),
      },
    });
    postgres.appSecret.grantRead(created);
    this.#clickhouseSecret.grantRead(created);
    this.#temporalSecret?.grantRead(created);
    return created;
  }

  private taskSecrets(): Record<string, TaskSecret> {
    return {
      FLEXPRICE_POSTGRES_PASSWORD: TaskSecret.fromSecretsManager(this.#data.postgres.appSecret, 'password'),
      FLEXPRICE_CLICKHOUSE_PASSWORD: TaskSecret.fromSecretsManager(this.#clickhouseSecret, 'password'),
      ...(this.#temporalSecret === undefined ? {} : { FLEXPRICE_TEMPORAL_API_KEY: TaskSecret.fromSecretsManager(this.#temporalSecret, 'apiKey') }),
    };
  }

  /** Runs the migrations in the deploy, again only when a file of theirs changed. */
  private migration(): CustomResource {
    const { postgres } = this.#data;
    const migrate = new ProductFunction(this, 'Migrate', {
      name: 'migrate', dist: this.#dist, description: 'Applies database migrations', memoryMiB: 512, timeout: Duration.minutes(15),
      network: { vpc: this.#network.vpc, securityGroup: this.#network.runtime },
      environment: {
        ...this.settings(),
        FLEXPRICE_BUILD_MIGRATIONS: './migrations',
        FLEXPRICE_POSTGRES_PASSWORD: reference(postgres.appSecret.secretArn, 'password'),
        FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD: reference(postgres.migratorSecret.secretArn, 'password'),
        FLEXPRICE_CLICKHOUSE_PASSWORD: reference(this.#clickhouseSecret.secretName, 'password'),
      },
    });
    for (const secret of [postgres.appSecret, postgres.migratorSecret, this.#clickhouseSecret]) secret.grantRead(migrate);
    const migrations = new CustomResource(this, 'Migrations', {
      serviceToken: migrate.functionArn,
      serviceTimeout: Duration.minutes(16),
      properties: { Files: FileSystem.fingerprint(join(this.#dist, 'functions/migrate/migrations')) },
    });
    return afterItsRights(migrations, migrate);
  }

  /** CloudFormation has no attribute for the brokers of a cluster: a function asks once per deploy. */
  private brokers(): string {
    const { bus } = this.#data;
    const lookup = new ProductFunction(this, 'KafkaBootstrap', {
      name: 'kafka-bootstrap', dist: this.#dist, description: 'Looks up the brokers of the MSK cluster', memoryMiB: 256, timeout: Duration.seconds(30), environment: {},
    });
    lookup.addToRolePolicy(new PolicyStatement({ actions: ['kafka:GetBootstrapBrokers'], resources: [bus.clusterArn] }));
    const resource = new CustomResource(this, 'Brokers', {
      serviceToken: lookup.functionArn,
      serviceTimeout: Duration.minutes(2),
      properties: { ClusterArn: bus.clusterArn, Brokers: String(this.config.kafka.brokers) },
    });
    return afterItsRights(resource, lookup).getAttString('Brokers');
  }
}

/** How a function finds a secret (shared/platform/secrets): the value itself never stands in a template. */
function reference(secret: string, key: string): string {
  return `secretsmanager:${secret}#${key}`;
}

/** A custom resource that waits for the policies of its function, too. */
function afterItsRights(resource: CustomResource, provider: ProductFunction): CustomResource {
  resource.node.addDependency(provider);
  Validations.of(resource).acknowledge({ id: 'CloudFormation-Validate::W9003', reason: 'The CDK writes ServiceTimeout as text' });
  return resource;
}
