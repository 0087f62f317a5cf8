import { join } from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type ISecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2';
import {
  type Cluster,
  ContainerDependencyCondition,
  type ContainerDefinitionOptions,
  ContainerImage,
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  LogDrivers,
  OperatingSystemFamily,
  Secret as TaskSecret,
} from 'aws-cdk-lib/aws-ecs';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { DnsRecordType, type INamespace } from 'aws-cdk-lib/aws-servicediscovery';
import { Construct } from 'constructs';
import { ANY_RESOURCE, acknowledge } from '../acknowledge.ts';
import type { EnvironmentConfig } from '../config/schema.ts';
import { TEMPORAL_PORT } from '../network/rules.ts';
import type { EnvironmentStack } from '../stacks/environment-stack.ts';
import type { RelationalStore } from './relational-store.ts';
import type { TemporalEndpoint } from './temporal-endpoint.ts';
import { CREATE_DATABASES, CREATE_NAMESPACE, DATABASE, UPDATE_SCHEMAS, VISIBILITY_DATABASE } from './temporal-scripts.ts';

export interface TemporalServerProps {
  readonly cluster: Cluster;
  readonly securityGroup: ISecurityGroup;
  readonly namespace: INamespace;
  readonly postgres: RelationalStore;
  readonly config: Extract<EnvironmentConfig['temporal'], { kind: 'self-hosted' }>;
}

/** Server, tools and schemas are of one version. */
const VERSION = '1.31.0';
const UI_VERSION = '2.49.1';
const USER = 'temporal';
const UI_PORT = 8088;

/**
 * Temporal's four roles in one task, with its databases on our cluster: right for environments that may stand still for a minute.
 * Containers that end bring the databases up to date before the server, and register the namespace after it.
 */
export class TemporalServer extends Construct {
  readonly endpoint: TemporalEndpoint;
  readonly service: FargateService;
  readonly #task: FargateTaskDefinition;
  readonly #logs: LogGroup;

  constructor(scope: EnvironmentStack, id: string, { cluster, securityGroup, namespace, postgres, config }: TemporalServerProps) {
    super(scope, id);
    this.#logs = new LogGroup(this, 'Logs', { retention: scope.config.logDays, removalPolicy: scope.removalPolicy });
    this.#task = new FargateTaskDefinition(this, 'Task', {
      cpu: config.cpu,
      memoryLimitMiB: config.memoryMiB,
      runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
    });
    acknowledge(this.#task, 'Names and addresses; passwords come from Secrets Manager', 'AwsSolutions-ECS2');
    acknowledge(this.#task, 'The token of the image registry, and the channels of ECS Exec, are for no resource', ANY_RESOURCE);
    const login = new Secret(this, 'Login', {
      description: 'Login of Temporal at Postgres',
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username: USER }),
        generateStringKey: 'password',
        excludePunctuation: true,
        passwordLength: 32,
      },
      removalPolicy: scope.config.production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    acknowledge(
      login,
      'Every start of the task gives the role this password anew: rotating is a new value and a restart',
      'AwsSolutions-SMG4',
    );
    const password = TaskSecret.fromSecretsManager(login, 'password');
    const database = {
      SQL_PLUGIN: 'postgres12',
      SQL_HOST: postgres.host,
      SQL_PORT: postgres.port,
      SQL_USER: USER,
      SQL_TLS: 'true',
      SQL_TLS_DISABLE_HOST_VERIFICATION: 'true',
    };

    const databases = this.container('databases', {
      image: ContainerImage.fromRegistry('public.ecr.aws/docker/library/postgres:17-bookworm'),
      command: ['sh', '-ec', CREATE_DATABASES],
      essential: false,
      environment: {
        PGHOST: postgres.host,
        PGPORT: postgres.port,
        PGDATABASE: postgres.database,
        PGUSER: 'flexprice_migrator',
        PGSSLMODE: 'require',
      },
      secrets: { PGPASSWORD: TaskSecret.fromSecretsManager(postgres.migratorSecret, 'password'), TEMPORAL_PASSWORD: password },
    });
    const schemas = this.container('schemas', {
      image: ContainerImage.fromRegistry(`temporalio/admin-tools:${VERSION}`),
      entryPoint: ['sh', '-ec'],
      command: [UPDATE_SCHEMAS],
      essential: false,
      environment: database,
      secrets: { SQL_PASSWORD: password },
    });
    const server = this.container('server', {
      image: ContainerImage.fromDockerImageAsset(
        new DockerImageAsset(this, 'Image', { directory: join(import.meta.dirname, '../images/temporal'), platform: Platform.LINUX_ARM64 }),
      ),
      environment: {
        DB: 'postgres12',
        DB_PORT: postgres.port,
        POSTGRES_SEEDS: postgres.host,
        POSTGRES_USER: USER,
        DBNAME: DATABASE,
        VISIBILITY_DBNAME: VISIBILITY_DATABASE,
        SQL_TLS_ENABLED: 'true',
        SQL_HOST_VERIFICATION: 'false',
        NUM_HISTORY_SHARDS: String(config.shards),
        BIND_ON_IP: '0.0.0.0',
      },
      secrets: { POSTGRES_PWD: password },
      portMappings: [{ containerPort: TEMPORAL_PORT }],
      healthCheck: {
        command: ['CMD', 'nc', '-z', 'localhost', String(TEMPORAL_PORT)],
        interval: Duration.seconds(10),
        retries: 10,
        startPeriod: Duration.minutes(2),
      },
      stopTimeout: Duration.seconds(60),
    });
    const names = this.container('namespace', {
      image: ContainerImage.fromRegistry(`temporalio/admin-tools:${VERSION}`),
      entryPoint: ['sh', '-ec'],
      command: [CREATE_NAMESPACE],
      essential: false,
      environment: { TEMPORAL_ADDRESS: `localhost:${TEMPORAL_PORT}`, TEMPORAL_NAMESPACE: config.namespace },
    });
    // Nobody is let in to its port: it is reached by port forwarding through Systems Manager.
    const ui = this.container('ui', {
      image: ContainerImage.fromRegistry(`temporalio/ui:${UI_VERSION}`),
      essential: false,
      environment: { TEMPORAL_ADDRESS: `localhost:${TEMPORAL_PORT}`, TEMPORAL_UI_PORT: String(UI_PORT) },
      portMappings: [{ containerPort: UI_PORT }],
    });
    schemas.addContainerDependencies({ container: databases, condition: ContainerDependencyCondition.SUCCESS });
    server.addContainerDependencies({ container: schemas, condition: ContainerDependencyCondition.SUCCESS });
    for (const after of [names, ui]) after.addContainerDependencies({ container: server, condition: ContainerDependencyCondition.HEALTHY });

    this.service = new FargateService(this, 'Service', {
      cluster,
      taskDefinition: this.#task,
      desiredCount: 1,
      securityGroups: [securityGroup],
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      assignPublicIp: false,
      circuitBreaker: { rollback: true },
      // Two servers on one database would have to reach each other: the old one goes first.
      minHealthyPercent: 0,
      maxHealthyPercent: 100,
      cloudMapOptions: { cloudMapNamespace: namespace, name: 'temporal', dnsRecordType: DnsRecordType.A, dnsTtl: Duration.seconds(10) },
      enableExecuteCommand: true,
    });
    this.endpoint = { address: `temporal.${namespace.namespaceName}:${TEMPORAL_PORT}`, namespace: config.namespace, tls: false };
  }

  private container(name: string, options: Omit<ContainerDefinitionOptions, 'logging'>) {
    return this.#task.addContainer(name, { ...options, logging: LogDrivers.awsLogs({ streamPrefix: name, logGroup: this.#logs }) });
  }
}
