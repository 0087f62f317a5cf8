import { join } from 'node:path';
import type { Duration } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc } from 'aws-cdk-lib/aws-ec2';
import { Architecture, Code, Function as LambdaFunction, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { EnvironmentStack } from '../stacks/environment-stack.ts';

export interface ProductFunctionProps {
  /** Folder below dist/functions. */
  readonly name: string;
  readonly dist: string;
  readonly description: string;
  readonly memoryMiB: number;
  readonly timeout: Duration;
  readonly environment: Readonly<Record<string, string>>;
  readonly reservedConcurrency?: number;
  /** Absent: outside of the VPC. */
  readonly network?: { readonly vpc: IVpc; readonly securityGroup: ISecurityGroup };
}

/** A function of ours, as `npm run build` made it. */
export class ProductFunction extends LambdaFunction {
  constructor(scope: EnvironmentStack, id: string, props: ProductFunctionProps) {
    super(scope, id, {
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(join(props.dist, 'functions', props.name)),
      handler: 'index.handler',
      description: props.description,
      memorySize: props.memoryMiB,
      timeout: props.timeout,
      tracing: Tracing.ACTIVE,
      logGroup: logGroup(scope, `${id}Logs`),
      environment: {
        ...props.environment,
        // kafkajs computes negative time-outs, of which Node 24 warns. The file holds the certificates of RDS.
        NODE_OPTIONS: '--enable-source-maps --disable-warning=TimeoutNegativeWarning',
        NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
      },
      ...(props.reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: props.reservedConcurrency }),
      ...(props.network === undefined ? {} : { vpc: props.network.vpc, securityGroups: [props.network.securityGroup] }),
    });
  }
}

function logGroup(stack: EnvironmentStack, id: string): LogGroup {
  return new LogGroup(stack as Construct, id, { retention: stack.config.logDays, removalPolicy: stack.removalPolicy });
}
