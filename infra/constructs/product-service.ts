import { join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import { type ISecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { type Cluster, ContainerImage, CpuArchitecture, FargateService, FargateTaskDefinition, LogDrivers, OperatingSystemFamily, type Secret } from 'aws-cdk-lib/aws-ecs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { EnvironmentConfig } from '../config/schema.ts';
import type { EnvironmentStack } from '../stacks/environment-stack.ts';

export interface ProductServiceProps {
  /** Target in the Dockerfile, and the deployment mode. */
  readonly mode: 'consumer' | 'worker';
  readonly dist: string;
  readonly cluster: Cluster;
  readonly securityGroup: ISecurityGroup;
  readonly size: EnvironmentConfig['consumer'];
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, Secret>>;
}

/** A long-running process of ours on Fargate, without a way in. */
export class ProductService extends Construct {
  readonly service: FargateService;
  readonly task: FargateTaskDefinition;

  constructor(scope: EnvironmentStack, id: string, { mode, dist, cluster, securityGroup, size, environment, secrets }: ProductServiceProps) {
    super(scope, id);
    // The asset's platform and the task's must agree, or the task does not start.
    this.task = new FargateTaskDefinition(this, 'Task', {
      cpu: size.cpu,
      memoryLimitMiB: size.memoryMiB,
      runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
    });
    // Only dist/workers is the context, so that the hash follows what runs and nothing else.
    const image = new DockerImageAsset(this, 'Image', { directory: join(dist, 'workers'), target: mode, platform: Platform.LINUX_ARM64 });
    this.task.addContainer(mode, {
      image: ContainerImage.fromDockerImageAsset(image),
      environment: { ...environment, FLEXPRICE_DEPLOYMENT_MODE: mode },
      secrets: { ...secrets },
      logging: LogDrivers.awsLogs({ streamPrefix: mode, logGroup: new LogGroup(this, 'Logs', { retention: scope.config.logDays, removalPolicy: scope.removalPolicy }) }),
      // On SIGTERM: finish the batch, commit, leave the group.
      stopTimeout: Duration.seconds(60),
    });
    this.service = new FargateService(this, 'Service', {
      cluster,
      taskDefinition: this.task,
      desiredCount: size.count,
      securityGroups: [securityGroup],
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      assignPublicIp: false,
      circuitBreaker: { rollback: true },
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      capacityProviderStrategies: [{ capacityProvider: scope.config.spot ? 'FARGATE_SPOT' : 'FARGATE', weight: 1 }],
    });
  }
}
