import { Stage, type StageProps, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { EnvironmentConfig } from '../config/schema.ts';
import { BootstrapStack } from '../stacks/bootstrap.ts';
import { DataStack } from '../stacks/data.ts';
import { EdgeStack } from '../stacks/edge.ts';
import { NetworkStack } from '../stacks/network.ts';
import { ObservabilityStack } from '../stacks/observability.ts';
import { PlatformStack } from '../stacks/platform.ts';
import { RecoveryStack } from '../stacks/recovery.ts';
import { ServicesStack } from '../stacks/services.ts';

export interface FlexpriceStageProps extends StageProps {
  readonly config: EnvironmentConfig;
  readonly dist: string;
}

/** Everything of one environment. Constructs are handed from stack to stack, never names. */
export class FlexpriceStage extends Stage {
  constructor(scope: Construct, id: string, { config, dist, ...props }: FlexpriceStageProps) {
    const account = config.account ?? process.env.CDK_DEFAULT_ACCOUNT;
    const inRegion = (region: string) => ({ region, ...(account === undefined ? {} : { account }) });
    super(scope, id, { env: inRegion(config.region), ...props });

    new BootstrapStack(this, 'bootstrap', { config });
    const network = new NetworkStack(this, 'network', { config });
    const data = new DataStack(this, 'data', { config, network });
    const platform = new PlatformStack(this, 'platform', { config, network, data });
    const services = new ServicesStack(this, 'services', { config, network, data, platform, dist });
    if (config.recoveryRegion !== undefined)
      data.addStackDependency(new RecoveryStack(this, 'recovery', { config, env: inRegion(config.recoveryRegion) }));
    let apiUrl = services.api.url;
    if (config.edge !== undefined) {
      apiUrl = new EdgeStack(this, 'edge', {
        config,
        services,
        edge: config.edge,
        env: inRegion('us-east-1'),
        crossRegionReferences: config.region !== 'us-east-1',
      }).url;
    }
    new ObservabilityStack(this, 'observability', { config, apiUrl, dist });

    for (const [key, value] of Object.entries({
      app: 'flexprice',
      env: config.name,
      owner: config.owner,
      'cost-center': config.costCenter,
    }))
      Tags.of(this).add(key, value);
  }
}
