import { Duration } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { EventBus } from '../constructs/event-bus.ts';
import { RelationalStore } from '../constructs/relational-store.ts';
import { EnvironmentStack, type EnvironmentStackProps } from './environment-stack.ts';
import type { NetworkStack } from './network.ts';

export interface DataStackProps extends EnvironmentStackProps { readonly network: NetworkStack }

/** Everything that holds data. ClickHouse is ClickHouse Cloud's: only its address is ours. */
export class DataStack extends EnvironmentStack {
  readonly bus: EventBus;
  readonly postgres: RelationalStore;
  /** Events that Kafka did not take; the worker replays them. */
  readonly overflow: Queue;

  constructor(scope: Construct, id: string, { network, ...props }: DataStackProps) {
    super(scope, id, { terminationProtection: props.config.production, ...props });
    const { config } = props;
    const { vpc, runtime: client } = network;

    this.postgres = new RelationalStore(this, 'Postgres', { vpc, client, config: config.postgres, production: config.production });
    const logs = new LogGroup(this, 'KafkaLogs', { retention: config.logDays, removalPolicy: this.removalPolicy });
    this.bus = new EventBus(this, 'Kafka', { vpc, client, config: config.kafka, name: `flexprice-${config.name}`, logs });
    this.overflow = new Queue(this, 'Overflow', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      visibilityTimeout: Duration.minutes(2),
      removalPolicy: this.removalPolicy,
      deadLetterQueue: {
        maxReceiveCount: 20,
        queue: new Queue(this, 'OverflowDeadLetters', { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: Duration.days(14), removalPolicy: this.removalPolicy }),
      },
    });
  }
}
