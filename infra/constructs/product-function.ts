import { join } from 'node:path';
import type { Duration } from 'aws-cdk-lib';
import { type ISecurityGroup, type IVpc, SubnetType } from 'aws-cdk-lib/aws-ec2';
import { Architecture, Code, Function as LambdaFunction, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { ANY_RESOURCE, acknowledge, managedPolicy } from '../acknowledge.ts';
import type { EnvironmentStack } from '../stacks/environment-stack.ts';
import { type Settings, variablesOf } from './settings.ts';

export interface ProductFunctionProps {
  /** Folder below dist/functions. */
  readonly name: string;
  readonly dist: string;
  readonly description: string;
  readonly memoryMiB: number;
  readonly timeout: Duration;
  /** The configuration, where the function has one. */
  readonly settings?: Settings;
  /** What it is told besides. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly reservedConcurrency?: number;
  /** Absent: outside of the VPC. */
  readonly network?: { readonly vpc: IVpc; readonly securityGroup: ISecurityGroup };
}

/** A function of ours, as `npm run build` made it. It reads its secrets by itself: no value of one is in a template. */
export class ProductFunction extends LambdaFunction {
  constructor(
    scope: EnvironmentStack,
    id: string,
    {
      name,
      dist,
      description,
      memoryMiB,
      timeout,
      settings = { values: {}, secrets: {} },
      environment = {},
      reservedConcurrency,
      network,
    }: ProductFunctionProps,
  ) {
    super(scope, id, {
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(join(dist, 'functions', name)),
      handler: 'index.handler',
      description,
      memorySize: memoryMiB,
      timeout,
      tracing: Tracing.ACTIVE,
      logGroup: new LogGroup(scope, `${id}Logs`, { retention: scope.config.logDays, removalPolicy: scope.removalPolicy }),
      environment: {
        ...variablesOf(settings),
        ...environment,
        // kafkajs computes negative time-outs, of which Node 24 warns.
        NODE_OPTIONS: '--enable-source-maps --disable-warning=TimeoutNegativeWarning',
      },
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: reservedConcurrency }),
      ...(network === undefined
        ? {}
        : { vpc: network.vpc, vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS }, securityGroups: [network.securityGroup] }),
    });
    for (const { secret } of Object.values(settings.secrets)) secret.grantRead(this);
    const managed = ['AWSLambdaBasicExecutionRole', ...(network === undefined ? [] : ['AWSLambdaVPCAccessExecutionRole'])];
    acknowledge(
      this,
      'AWS keeps in these policies what every function needs: its log lines, and interfaces in the VPC',
      ...managed.map((policy) => managedPolicy(`service-role/${policy}`)),
    );
    acknowledge(this, 'X-Ray takes segments for no resource', ANY_RESOURCE);
  }
}
