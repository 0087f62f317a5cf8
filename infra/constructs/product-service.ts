import { join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import { AdjustmentType } from 'aws-cdk-lib/aws-applicationautoscaling';
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { type ISecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import {
  type Cluster,
  ContainerImage,
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  LogDrivers,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { ANY_RESOURCE, acknowledge } from '../acknowledge.ts';
import type { EnvironmentConfig } from '../config/schema.ts';
import type { EnvironmentStack } from '../stacks/environment-stack.ts';
import { type ServiceName, type Settings, variablesOf } from './settings.ts';

export interface ProductServiceProps {
  /** Target in the Dockerfile, and the deployment mode. */
  readonly mode: ServiceName;
  readonly dist: string;
  readonly cluster: Cluster;
  readonly securityGroup: ISecurityGroup;
  readonly size: EnvironmentConfig['consumer'];
  readonly settings: Settings;
  /** What waits for this service. Absent: it is scaled by its processors alone. */
  readonly backlog?: Backlog;
}

/** A metric, and from how much waiting on how many tasks are added. */
export interface Backlog {
  readonly metric: IMetric;
  readonly steps: readonly { readonly from: number; readonly tasks: number }[];
}

/** A member of a consumer group that comes or goes stops all of them for a moment: so seldom. */
const COOL_DOWN = Duration.minutes(5);

/** A long-running process of ours on Fargate, without a way in. */
export class ProductService extends Construct {
  readonly service: FargateService;
  readonly task: FargateTaskDefinition;

  constructor(scope: EnvironmentStack, id: string, { mode, dist, cluster, securityGroup, size, settings, backlog }: ProductServiceProps) {
    super(scope, id);
    // The asset's platform and the task's must agree, or the task does not start.
    this.task = new FargateTaskDefinition(this, 'Task', {
      cpu: size.cpu,
      memoryLimitMiB: size.memoryMiB,
      runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
    });
    acknowledge(this.task, 'Names and addresses; passwords come from Secrets Manager', 'AwsSolutions-ECS2');
    // Only dist/workers is the context, so that the hash follows what runs and nothing else.
    const image = new DockerImageAsset(this, 'Image', { directory: join(dist, 'workers'), target: mode, platform: Platform.LINUX_ARM64 });
    this.task.addContainer(mode, {
      image: ContainerImage.fromDockerImageAsset(image),
      environment: variablesOf(settings),
      logging: LogDrivers.awsLogs({
        streamPrefix: mode,
        logGroup: new LogGroup(this, 'Logs', { retention: scope.config.logDays, removalPolicy: scope.removalPolicy }),
      }),
      // On SIGTERM: finish the batch, commit, leave the group.
      stopTimeout: Duration.seconds(60),
      // ECS does not read the one in the image.
      healthCheck: {
        command: ['CMD', 'node', 'health-check.mjs'],
        interval: Duration.seconds(30),
        timeout: Duration.seconds(5),
        retries: 3,
        startPeriod: Duration.minutes(2),
      },
    });
    for (const { secret } of Object.values(settings.secrets)) secret.grantRead(this.task.taskRole);
    acknowledge(this.task, 'The token of the image registry is for no resource', ANY_RESOURCE);
    this.service = new FargateService(this, 'Service', {
      cluster,
      taskDefinition: this.task,
      desiredCount: size.min,
      securityGroups: [securityGroup],
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      assignPublicIp: false,
      circuitBreaker: { rollback: true },
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      capacityProviderStrategies: [{ capacityProvider: scope.config.spot ? 'FARGATE_SPOT' : 'FARGATE', weight: 1 }],
    });
    if (size.max > size.min) this.scale(size, backlog);
  }

  private scale({ min, max }: EnvironmentConfig['consumer'], backlog: Backlog | undefined): void {
    const scaling = this.service.autoScaleTaskCount({ minCapacity: min, maxCapacity: max });
    scaling.scaleOnCpuUtilization('Processors', { targetUtilizationPercent: 60, scaleInCooldown: COOL_DOWN, scaleOutCooldown: COOL_DOWN });
    if (backlog === undefined) return;
    // Only out: that there is less to do shows in the processors.
    scaling.scaleOnMetric('Backlog', {
      metric: backlog.metric,
      scalingSteps: backlog.steps.map(({ from, tasks }) => ({ lower: from, change: tasks })),
      adjustmentType: AdjustmentType.CHANGE_IN_CAPACITY,
      cooldown: COOL_DOWN,
      evaluationPeriods: 3,
    });
  }
}
