import { CfnOutput, Duration } from 'aws-cdk-lib';
import {
  CfnEIP,
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  InterfaceVpcEndpointService,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import { PrivateBucket } from '../constructs/private-bucket.ts';
import { pairs, type Role, rolesOf, waysOut } from '../network/rules.ts';
import { EnvironmentStack, type EnvironmentStackProps } from './environment-stack.ts';

const ENDPOINTS = {
  secretsmanager: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
  logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  'ecr.api': InterfaceVpcEndpointAwsService.ECR,
  'ecr.dkr': InterfaceVpcEndpointAwsService.ECR_DOCKER,
  sqs: InterfaceVpcEndpointAwsService.SQS,
  monitoring: InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
} as const;

/** The VPC, and who in it may talk to whom (infra/network/rules.ts). */
export class NetworkStack extends EnvironmentStack {
  readonly vpc: Vpc;
  /** Access logs of the other buckets, and flow logs. */
  readonly logs: Bucket;
  readonly #groups: ReadonlyMap<Role, SecurityGroup>;

  constructor(scope: Construct, id: string, props: EnvironmentStackProps) {
    super(scope, id, props);
    const { config } = props;
    this.logs = new PrivateBucket(this, 'Logs', {
      production: config.production,
      lifecycle: [{ id: 'expire', expiration: Duration.days(config.logDays) }],
    });
    acknowledge(this.logs, 'It keeps the access logs of the others', 'AwsSolutions-S1');

    this.vpc = new Vpc(this, 'Vpc', {
      maxAzs: config.availabilityZones.length,
      natGateways: config.natGateways,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
        { name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
        { name: 'stores', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
      ],
      gatewayEndpoints: { s3: { service: GatewayVpcEndpointAwsService.S3 } },
      flowLogs: { all: { destination: FlowLogDestination.toS3(this.logs, 'flow-logs/'), trafficType: FlowLogTrafficType.ALL } },
    });
    acknowledge(this.vpc, 'Zones come from the configuration, so that a synth needs no account', 'CloudFormation-Validate::W3010');
    this.#groups = this.securityGroups();
    this.endpoints();
    // ClickHouse Cloud and others let in by address.
    this.vpc.node
      .findAll()
      .filter((each): each is CfnEIP => each instanceof CfnEIP)
      .forEach((address, index) => {
        new CfnOutput(this, `NatAddress${index + 1}`, {
          value: address.ref,
          description: 'For allow lists, such as that of ClickHouse Cloud',
        });
      });
  }

  /** The security group of a role. Throws when the environment has no such role. */
  group(role: Role): SecurityGroup {
    const group = this.#groups.get(role);
    if (group === undefined) throw new Error(`the environment ${this.config.name} has no role ${role}`);
    return group;
  }

  private securityGroups(): Map<Role, SecurityGroup> {
    const groups = new Map(
      rolesOf(this.config).map((role) => [
        role,
        new SecurityGroup(this, `Group-${role}`, { vpc: this.vpc, description: `FlexPrice ${role}`, allowAllOutbound: false }),
      ]),
    );
    const of = (role: Role): SecurityGroup => groups.get(role) as SecurityGroup;
    for (const { from, to, port } of pairs(this.config)) of(from).connections.allowTo(of(to), Port.tcp(port), `${from} to ${to}`);
    for (const { from, port } of waysOut(this.config)) of(from).addEgressRule(Peer.anyIpv4(), Port.tcp(port), `${from} to outside`);
    return groups;
  }

  private endpoints(): void {
    const { vpc, config } = this;
    const place = { vpc, subnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS }, open: false };
    for (const name of config.interfaceEndpoints) {
      new InterfaceVpcEndpoint(this, `Endpoint-${name}`, {
        ...place,
        service: ENDPOINTS[name],
        privateDnsEnabled: true,
        securityGroups: [this.group('endpoints')],
      });
    }
    const { privateLink, port } = config.clickhouse;
    if (privateLink === undefined) return;
    const group = new SecurityGroup(this, 'Group-clickhouse', { vpc, description: 'FlexPrice clickhouse', allowAllOutbound: false });
    for (const role of ['management', 'migrate', 'consumer', 'worker'] as const)
      this.group(role).connections.allowTo(group, Port.tcp(port), `${role} to clickhouse`);
    const endpoint = new InterfaceVpcEndpoint(this, 'Endpoint-clickhouse', {
      ...place,
      service: new InterfaceVpcEndpointService(privateLink.serviceName, port),
      privateDnsEnabled: false,
      securityGroups: [group],
    });
    new CfnOutput(this, 'ClickHouseEndpointId', {
      value: endpoint.vpcEndpointId,
      description: 'For the allow list of the ClickHouse service',
    });
  }
}
