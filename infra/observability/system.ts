import { CfnCluster as KafkaCluster } from 'aws-cdk-lib/aws-msk';
import { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { FargateService } from 'aws-cdk-lib/aws-ecs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DatabaseCluster, DatabaseProxy } from 'aws-cdk-lib/aws-rds';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import type { IConstruct } from 'constructs';
import { ProductFunction } from '../constructs/product-function.ts';

/** Something that is watched, with the name that people call it by. */
export interface Named<T> {
  readonly name: string;
  readonly it: T;
}

/** What of a stage is watched. */
export interface System {
  readonly functions: readonly Named<ProductFunction>[];
  readonly services: readonly Named<FargateService>[];
  /** Queues that are worked off, and those that should be empty. */
  readonly queues: readonly Named<Queue>[];
  readonly deadLetterQueues: readonly Named<Queue>[];
  readonly apis: readonly Named<HttpApi>[];
  readonly kafka: readonly Named<KafkaCluster>[];
  readonly databases: readonly Named<DatabaseCluster>[];
  readonly proxies: readonly Named<DatabaseProxy>[];
  /** What functions and tasks write. Flow logs, access logs and brokers' logs have a form of their own. */
  readonly logs: readonly Named<LogGroup>[];
}

/** Finds what there is to watch, so that a new function, service or queue is watched without anybody thinking of it. */
export function discover(stage: IConstruct): System {
  const all = stage.node.findAll();
  const queues = all.filter((each) => each instanceof Queue);
  // A function has its log group beside it, a service within.
  const writers: IConstruct[] = all.flatMap((each) => {
    if (each instanceof ProductFunction) return [each.logGroup];
    return each instanceof FargateService && each.node.scope !== undefined ? [each.node.scope] : [];
  });
  const deadLetterQueues = new Set(queues.map(({ deadLetterQueue }) => deadLetterQueue?.queue));
  return {
    functions: named(
      all.filter((each) => each instanceof ProductFunction),
      (each) => each.node.id,
    ),
    services: named(
      all.filter((each) => each instanceof FargateService),
      (each) => (each.node.id === 'Service' ? (each.node.scope?.node.id ?? '') : each.node.id),
    ),
    queues: named(
      queues.filter((queue) => !deadLetterQueues.has(queue)),
      (each) => each.node.id,
    ),
    deadLetterQueues: named(
      queues.filter((queue) => deadLetterQueues.has(queue)),
      (each) => each.node.id,
    ),
    apis: named(
      all.filter((each) => each instanceof HttpApi),
      (each) => each.node.scope?.node.id ?? '',
    ),
    kafka: named(
      all.filter((each) => each instanceof KafkaCluster),
      (each) => each.node.scope?.node.id ?? '',
    ),
    databases: named(
      all.filter((each) => each instanceof DatabaseCluster),
      (each) => each.node.scope?.node.id ?? '',
    ),
    proxies: named(
      all.filter((each) => each instanceof DatabaseProxy),
      (each) => each.node.id,
    ),
    logs: named(
      all.filter(
        (each) =>
          each instanceof LogGroup && writers.some((writer) => writer === each || each.node.path.startsWith(`${writer.node.path}/`)),
      ) as LogGroup[],
      (each) => each.node.path,
    ),
  };
}

/** The one of this name. Throws when the stage has none: a dashboard would show nothing. */
export function the<T>(list: readonly Named<T>[], name: string): T {
  const found = list.find((each) => each.name === name);
  if (found === undefined) throw new Error(`nothing is called ${name}: there is ${list.map((each) => each.name).join(', ') || 'nothing'}`);
  return found.it;
}

function named<T extends IConstruct>(list: readonly T[], nameOf: (each: T) => string): Named<T>[] {
  return list.map((it) => ({ name: kebab(nameOf(it)), it }));
}

/** KafkaBootstrap becomes kafka-bootstrap. */
function kebab(text: string): string {
  return text.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();
}
