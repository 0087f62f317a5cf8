import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type ISecurityGroup, type IVpc, Port, SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2';
import { AuroraPostgresEngineVersion, ClusterInstance, Credentials, DatabaseCluster, DatabaseClusterEngine, ParameterGroup } from 'aws-cdk-lib/aws-rds';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { EnvironmentConfig } from '../config/schema.ts';

export interface RelationalStoreProps {
  readonly vpc: IVpc;
  readonly client: ISecurityGroup;
  readonly config: EnvironmentConfig['postgres'];
  readonly production: boolean;
}

/** Aurora PostgreSQL Serverless v2 with two logins: the migrator, who owns the tables, and the application, who owns nothing. */
export class RelationalStore extends Construct {
  readonly host: string;
  readonly port: string;
  readonly database = 'flexprice';
  readonly migratorSecret: ISecret;
  readonly appSecret: Secret;

  constructor(scope: Construct, id: string, { vpc, client, config, production }: RelationalStoreProps) {
    super(scope, id);
    const engine = DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_17_7 });
    const securityGroup = new SecurityGroup(this, 'SecurityGroup', { vpc, description: 'Postgres', allowAllOutbound: false });
    securityGroup.addIngressRule(client, Port.tcp(5432), 'Functions and tasks');

    const cluster = new DatabaseCluster(this, 'Cluster', {
      engine,
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [securityGroup],
      credentials: Credentials.fromGeneratedSecret('flexprice_migrator'),
      defaultDatabaseName: this.database,
      serverlessV2MinCapacity: config.minCapacity,
      serverlessV2MaxCapacity: config.maxCapacity,
      writer: ClusterInstance.serverlessV2('writer'),
      readers: Array.from({ length: config.readers }, (_, index) => ClusterInstance.serverlessV2(`reader${index + 1}`, { scaleWithWriter: true })),
      parameterGroup: new ParameterGroup(this, 'Parameters', { engine, parameters: { 'rds.force_ssl': '1' } }),
      storageEncrypted: true,
      iamAuthentication: true,
      backup: { retention: Duration.days(config.backupDays) },
      copyTagsToSnapshot: true,
      deletionProtection: production,
      removalPolicy: production ? RemovalPolicy.SNAPSHOT : RemovalPolicy.DESTROY,
    });
    this.host = cluster.clusterEndpoint.hostname;
    this.port = String(cluster.clusterEndpoint.port);
    if (!cluster.secret) throw new Error('the cluster was made without a generated secret');
    this.migratorSecret = cluster.secret;
    // The migrate function gives the role this password.
    this.appSecret = new Secret(this, 'AppSecret', {
      description: 'Login of flexprice_app',
      generateSecretString: { secretStringTemplate: JSON.stringify({ username: 'flexprice_app' }), generateStringKey: 'password', excludePunctuation: true, passwordLength: 32 },
      removalPolicy: production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
  }
}
