import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { EnvironmentConfig } from '../config/schema.ts';

export interface EnvironmentStackProps extends StackProps {
  readonly config: EnvironmentConfig;
}

/** A stack of one environment. */
export class EnvironmentStack extends Stack {
  readonly config: EnvironmentConfig;

  constructor(scope: Construct, id: string, { config, ...props }: EnvironmentStackProps) {
    super(scope, id, { stackName: `flexprice-${config.name}-${id}`, terminationProtection: config.production, ...props });
    this.config = config;
  }

  /** From the configuration: the CDK would ask AWS, which needs credentials, or assume two. */
  override get availabilityZones(): string[] {
    return [...this.config.availabilityZones];
  }

  /** What becomes of a resource that can be made anew, such as a log group. */
  get removalPolicy(): RemovalPolicy {
    return this.config.production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
  }
}
