import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type ISecurityGroup, type IVpc, SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2';
import { type IGrantable, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  AuroraPostgresEngineVersion,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
  DatabaseProxy,
  DefaultAuthScheme,
  ParameterGroup,
  ProxyTarget,
} from 'aws-cdk-lib/aws-rds';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { EnvironmentConfig } from '../config/schema.ts';

export interface RelationalStoreProps {
  /** Identifier of the cluster. */
  readonly name: string;
  readonly vpc: IVpc;
  readonly securityGroup: ISecurityGroup;
  /** Absent: there is no proxy. */
  readonly proxyGroup?: ISecurityGroup;
  readonly key: IKey;
  readonly config: EnvironmentConfig['postgres'];
  readonly production: boolean;
  readonly logDays: RetentionDays;
}

/** The login of the application; it owns nothing and row-level security binds it. */
export const APP_ROLE = 'flexprice_app';

/** Aurora PostgreSQL Serverless v2 with two logins: the migrator, who owns the tables, and the application, who owns nothing. */
export class RelationalStore extends Construct {
  readonly cluster: DatabaseCluster;
  /** Where tasks and migrations connect. */
  readonly host: string;
  /** Where functions connect: the proxy if there is one, else the database itself. */
  readonly functionsHost: string;
  readonly port: string;
  readonly database = 'flexprice';
  readonly migratorSecret: ISecret;
  readonly proxy: DatabaseProxy | undefined;

  constructor(
    scope: Construct,
    id: string,
    { name, vpc, securityGroup, proxyGroup, key, config, production, logDays }: RelationalStoreProps,
  ) {
    super(scope, id);
    const removalPolicy = production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    const engine = DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_17_7 });
    // RDS makes it by itself otherwise, and keeps it for ever.
    const logs = new LogGroup(this, 'Logs', { logGroupName: `/aws/rds/cluster/${name}/postgresql`, retention: logDays, removalPolicy });
    this.cluster = new DatabaseCluster(this, 'Cluster', {
      clusterIdentifier: name,
      engine,
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [fixed(this, 'Group', securityGroup)],
      credentials: Credentials.fromGeneratedSecret('flexprice_migrator'),
      defaultDatabaseName: this.database,
      serverlessV2MinCapacity: config.minCapacity,
      serverlessV2MaxCapacity: config.maxCapacity,
      writer: ClusterInstance.serverlessV2('writer'),
      readers: Array.from({ length: config.readers }, (_, index) =>
        ClusterInstance.serverlessV2(`reader${index + 1}`, { scaleWithWriter: true }),
      ),
      parameterGroup: new ParameterGroup(this, 'Parameters', {
        engine,
        parameters: { 'rds.force_ssl': '1', log_min_duration_statement: '1000' },
      }),
      storageEncryptionKey: key,
      iamAuthentication: true,
      cloudwatchLogsExports: ['postgresql'],
      backup: { retention: Duration.days(config.backupDays) },
      copyTagsToSnapshot: true,
      deletionProtection: production,
      removalPolicy: production ? RemovalPolicy.SNAPSHOT : RemovalPolicy.DESTROY,
    });
    this.cluster.node.addDependency(logs);
    this.host = this.cluster.clusterEndpoint.hostname;
    this.port = String(this.cluster.clusterEndpoint.port);
    if (!this.cluster.secret) throw new Error('the cluster was made without a generated secret');
    this.migratorSecret = this.cluster.secret;
    this.proxy = proxyGroup && this.shared(vpc, proxyGroup);
    this.functionsHost = this.proxy?.endpoint ?? this.host;
    if (!production) acknowledge(this.cluster, 'Outside of production an environment is removed with its stack', 'AwsSolutions-RDS10');
    acknowledge(this.cluster, 'The port is closed to all but our own security groups', 'AwsSolutions-RDS11');
    acknowledge(this.cluster, 'Used in deploys alone, and rotated by the runbook', 'AwsSolutions-SMG4');
  }

  /** Lets a function open connections as the application, where functions connect. */
  grantFunction(grantee: IGrantable): void {
    if (this.proxy === undefined) this.grantTask(grantee);
    else this.proxy.grantConnect(grantee, APP_ROLE);
  }

  /** Lets a task, or the migration, open connections to the database itself as the application. */
  grantTask(grantee: IGrantable): void {
    this.cluster.grantConnect(grantee, APP_ROLE);
  }

  private shared(vpc: IVpc, group: ISecurityGroup): DatabaseProxy {
    // Who comes with a token goes on with one: the proxy keeps no password, and needs the right itself.
    const role = new Role(this, 'ProxyRole', { assumedBy: new ServicePrincipal('rds.amazonaws.com') });
    this.grantTask(role);
    return new DatabaseProxy(this, 'Proxy', {
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [fixed(this, 'ProxyGroup', group)],
      proxyTarget: ProxyTarget.fromCluster(this.cluster),
      requireTLS: true,
      iamAuth: true,
      defaultAuthScheme: DefaultAuthScheme.IAM_AUTH,
      role,
    });
  }
}

/** A security group whose rules are all in infra/network/rules.ts: the CDK adds none of its own. */
function fixed(scope: Construct, id: string, { securityGroupId }: ISecurityGroup): ISecurityGroup {
  return SecurityGroup.fromSecurityGroupId(scope, id, securityGroupId, { mutable: false });
}
