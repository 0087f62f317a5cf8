import { Duration } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { type Bucket, StorageClass } from 'aws-cdk-lib/aws-s3';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { Backups } from '../constructs/backups.ts';
import { EventBus } from '../constructs/event-bus.ts';
import { PrivateBucket } from '../constructs/private-bucket.ts';
import { RelationalStore } from '../constructs/relational-store.ts';
import { EnvironmentStack, type EnvironmentStackProps } from './environment-stack.ts';
import type { NetworkStack } from './network.ts';

export interface DataStackProps extends EnvironmentStackProps {
  readonly network: NetworkStack;
}

/** Everything that holds data. ClickHouse is ClickHouse Cloud's: only its address is ours. */
export class DataStack extends EnvironmentStack {
  readonly bus: EventBus;
  readonly postgres: RelationalStore;
  /** Events that Kafka did not take; the relay replays them. */
  readonly overflow: Queue;
  /** What the relay cannot read, or could not replay in a day and more of trying. */
  readonly overflowDeadLetters: Queue;
  /** Invoices as documents, kept for as long as the law wants them. */
  readonly invoices: Bucket;
  /** Exports, which are fetched soon or never. */
  readonly exports: Bucket;

  constructor(scope: Construct, id: string, { network, ...props }: DataStackProps) {
    super(scope, id, props);
    const { config } = props;
    const { production } = config;
    const { vpc } = network;

    const key = new Key(this, 'Key', {
      description: `Data of FlexPrice ${config.name}`,
      enableKeyRotation: true,
      removalPolicy: this.removalPolicy,
    });
    this.postgres = new RelationalStore(this, 'Postgres', {
      name: `flexprice-${config.name}`,
      vpc,
      securityGroup: network.group('postgres'),
      key,
      config: config.postgres,
      production,
      logDays: config.logDays,
      ...(config.postgres.proxy ? { proxyGroup: network.group('proxy') } : {}),
    });
    const logs = new LogGroup(this, 'KafkaLogs', { retention: config.logDays, removalPolicy: this.removalPolicy });
    this.bus = new EventBus(this, 'Kafka', {
      vpc,
      securityGroup: network.group('kafka'),
      key,
      config: config.kafka,
      name: `flexprice-${config.name}`,
      logs,
    });

    const queue = {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      removalPolicy: this.removalPolicy,
    };
    this.overflowDeadLetters = new Queue(this, 'OverflowDeadLetters', queue);
    this.overflow = new Queue(this, 'Overflow', {
      ...queue,
      visibilityTimeout: Duration.minutes(2),
      // The most that SQS allows. The relay takes nothing out while Kafka is away, and a message at most once in two minutes when it fails otherwise:
      // what leaves the queue so is in nobody's sight, so it should be what nobody can replay.
      deadLetterQueue: { maxReceiveCount: 1000, queue: this.overflowDeadLetters },
    });

    this.invoices = new PrivateBucket(this, 'Invoices', {
      production,
      versioned: true,
      accessLogs: { bucket: network.logs, prefix: 'invoices/' },
      lifecycle: [
        { id: 'seldom-read', transitions: [{ storageClass: StorageClass.INTELLIGENT_TIERING, transitionAfter: Duration.days(30) }] },
        { id: 'replaced', noncurrentVersionExpiration: Duration.days(90) },
      ],
    });
    this.exports = new PrivateBucket(this, 'Exports', {
      production,
      accessLogs: { bucket: network.logs, prefix: 'exports/' },
      lifecycle: [{ id: 'expire', expiration: Duration.days(30) }],
    });

    if (config.recoveryRegion !== undefined) {
      new Backups(this, 'Backups', {
        environment: config.name,
        days: config.postgres.backupDays,
        region: config.recoveryRegion,
        cluster: this.postgres.cluster,
        buckets: [this.invoices],
      });
    }
  }
}
