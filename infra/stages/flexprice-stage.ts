import { Stage, type StageProps, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { EnvironmentConfig } from '../config/schema.ts';
import { DataStack } from '../stacks/data.ts';
import { NetworkStack } from '../stacks/network.ts';
import { ServicesStack } from '../stacks/services.ts';

export interface FlexpriceStageProps extends StageProps {
  readonly config: EnvironmentConfig;
  readonly dist: string;
}

/** Everything of one environment. Constructs are handed from stack to stack, never names. */
export class FlexpriceStage extends Stage {
  constructor(scope: Construct, id: string, { config, dist, ...props }: FlexpriceStageProps) {
    const account = config.account ?? process.env.CDK_DEFAULT_ACCOUNT;
    super(scope, id, { env: { region: config.region, ...(account === undefined ? {} : { account }) }, ...props });

    const network = new NetworkStack(this, 'network', { config });
    const data = new DataStack(this, 'data', { config, network });
    new ServicesStack(this, 'services', { config, network, data, dist });

    Tags.of(this).add('app', 'flexprice');
    Tags.of(this).add('env', config.name);
  }
}
