import { Cluster, ContainerInsights } from 'aws-cdk-lib/aws-ecs';
import type { FargateService } from 'aws-cdk-lib/aws-ecs';
import { PrivateDnsNamespace } from 'aws-cdk-lib/aws-servicediscovery';
import type { Construct } from 'constructs';
import type { TemporalEndpoint } from '../constructs/temporal-endpoint.ts';
import { TemporalServer } from '../constructs/temporal-server.ts';
import type { DataStack } from './data.ts';
import { EnvironmentStack, type EnvironmentStackProps } from './environment-stack.ts';
import type { NetworkStack } from './network.ts';

export interface PlatformStackProps extends EnvironmentStackProps {
  readonly network: NetworkStack;
  readonly data: DataStack;
}

/** What services stand on: the cluster of containers, and Temporal. */
export class PlatformStack extends EnvironmentStack {
  readonly cluster: Cluster;
  readonly temporal: TemporalEndpoint;
  /** Absent where Temporal is somebody else's. */
  readonly temporalService: FargateService | undefined;

  constructor(scope: Construct, id: string, { network, data, ...props }: PlatformStackProps) {
    super(scope, id, props);
    const { temporal, name } = props.config;
    this.cluster = new Cluster(this, 'Cluster', {
      clusterName: `flexprice-${name}`,
      vpc: network.vpc,
      enableFargateCapacityProviders: true,
      containerInsightsV2: ContainerInsights.ENABLED,
    });
    if (temporal.kind === 'cloud') {
      this.temporal = { address: temporal.address, namespace: temporal.namespace, tls: true, apiKeySecret: temporal.secretName };
      return;
    }
    const server = new TemporalServer(this, 'Temporal', {
      cluster: this.cluster,
      securityGroup: network.group('temporal'),
      namespace: new PrivateDnsNamespace(this, 'Names', { vpc: network.vpc, name: `${name}.flexprice.local` }),
      postgres: data.postgres,
      config: temporal,
    });
    this.temporal = server.endpoint;
    this.temporalService = server.service;
  }
}
