import { Validations } from 'aws-cdk-lib';
import { GatewayVpcEndpointAwsService, SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { EnvironmentStack, type EnvironmentStackProps } from './environment-stack.ts';

/** The VPC, and the security group that everything of ours that runs is in. */
export class NetworkStack extends EnvironmentStack {
  readonly vpc: Vpc;
  /** Functions and tasks: no way in, everything out. The stores name it in their own rules. */
  readonly runtime: SecurityGroup;

  constructor(scope: Construct, id: string, props: EnvironmentStackProps) {
    super(scope, id, props);
    const { config } = props;
    this.vpc = new Vpc(this, 'Vpc', {
      maxAzs: config.availabilityZones.length,
      natGateways: config.natGateways,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
        { name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
        { name: 'stores', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
      ],
      gatewayEndpoints: { s3: { service: GatewayVpcEndpointAwsService.S3 } },
    });
    Validations.of(this.vpc).acknowledge({ id: 'CloudFormation-Validate::W3010', reason: 'Zones come from the configuration, so that a synth needs no account' });
    this.runtime = new SecurityGroup(this, 'Runtime', { vpc: this.vpc, description: 'Functions and tasks of FlexPrice', allowAllOutbound: true });
  }
}
