import { Fn, Stack } from 'aws-cdk-lib';
import { type ISecurityGroup, type IVpc, SubnetType } from 'aws-cdk-lib/aws-ec2';
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnCluster, CfnConfiguration, CfnTopic } from 'aws-cdk-lib/aws-msk';
import { Construct } from 'constructs';
import type { EnvironmentConfig } from '../config/schema.ts';
import { READER_GROUPS } from './streams.ts';

/** Newest line that the Kafka client is tested with; its protocol versions end before Kafka 4. */
const KAFKA_VERSION = '3.9.x.kraft';
const DAY_MS = 24 * 60 * 60 * 1000;
const EVENT_RETENTION_MS = 7 * DAY_MS;
const DEAD_LETTER_RETENTION_MS = 14 * DAY_MS;
/** Room for the largest pack of events; the code asks for the same where it makes topics itself. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

export interface EventBusProps {
  readonly vpc: IVpc;
  readonly securityGroup: ISecurityGroup;
  /** What the brokers' volumes are encrypted with. */
  readonly key: IKey;
  readonly config: EnvironmentConfig['kafka'];
  readonly name: string;
  readonly logs: LogGroup;
}

/** MSK with IAM authentication, and the topics. L1 on purpose: there is no stable L2, and the alpha one has no topics. */
export class EventBus extends Construct {
  readonly clusterArn: string;
  readonly clusterName: string;
  readonly replicationFactor: number;

  constructor(scope: Construct, id: string, { vpc, securityGroup, key, config, name, logs }: EventBusProps) {
    super(scope, id);
    const express = config.brokerType === 'express';
    this.replicationFactor = Math.min(3, config.brokers);

    const cluster = new CfnCluster(this, 'Cluster', {
      clusterName: name,
      kafkaVersion: KAFKA_VERSION,
      numberOfBrokerNodes: config.brokers,
      brokerNodeGroupInfo: {
        instanceType: config.instanceType,
        clientSubnets: vpc.selectSubnets({ subnetType: SubnetType.PRIVATE_ISOLATED }).subnetIds,
        securityGroups: [securityGroup.securityGroupId],
        // Express brokers bring their storage.
        ...(express ? {} : { storageInfo: { ebsStorageInfo: { volumeSize: config.volumeGiB } } }),
      },
      clientAuthentication: { sasl: { iam: { enabled: true } }, unauthenticated: { enabled: false } },
      encryptionInfo: {
        encryptionAtRest: { dataVolumeKmsKeyId: key.keyArn },
        encryptionInTransit: { clientBroker: 'TLS', inCluster: true },
      },
      enhancedMonitoring: 'PER_TOPIC_PER_BROKER',
      loggingInfo: { brokerLogs: { cloudWatchLogs: { enabled: true, logGroup: logs.logGroupName } } },
      // Express sets these itself and refuses others.
      ...(express ? {} : { configurationInfo: { arn: this.configuration(name).attrArn, revision: 1 } }),
    });
    this.clusterArn = cluster.attrArn;
    this.clusterName = name;

    const { deadLetters } = config.partitions;
    const topics = {
      events: config.partitions.events,
      events_lazy: config.partitions.eventsLazy,
      events_post_processing: config.partitions.eventsPostProcessing,
      system_events: config.partitions.systemEvents,
    };
    for (const [topic, partitions] of Object.entries(topics)) {
      this.topic(topic, partitions, EVENT_RETENTION_MS, express);
      this.topic(`${topic}.dlq`, deadLetters, DEAD_LETTER_RETENTION_MS, express);
    }
  }

  /** Lets a role write to these topics and read nothing. */
  grantProduce(grantee: IGrantable, topics: readonly string[]): void {
    this.allow(grantee, ['kafka-cluster:Connect', 'kafka-cluster:DescribeCluster'], [this.clusterArn]);
    this.allow(
      grantee,
      ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData'],
      topics.map((topic) => this.arnOf('topic', topic)),
    );
  }

  /** Lets a role see that these topics exist. */
  grantDescribe(grantee: IGrantable, topics: readonly string[]): void {
    this.allow(
      grantee,
      ['kafka-cluster:DescribeTopic'],
      topics.map((topic) => this.arnOf('topic', topic)),
    );
  }

  /** Lets a role read these topics as a member of the consumer groups. */
  grantConsume(grantee: IGrantable, topics: readonly string[], groups: readonly string[]): void {
    this.allow(grantee, ['kafka-cluster:Connect', 'kafka-cluster:DescribeCluster'], [this.clusterArn]);
    this.allow(
      grantee,
      ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'],
      topics.map((topic) => this.arnOf('topic', topic)),
    );
    this.allow(
      grantee,
      ['kafka-cluster:AlterGroup', 'kafka-cluster:DescribeGroup'],
      groups.map((group) => this.arnOf('group', group)),
    );
  }

  /** Lets a role see how far these groups are. */
  grantProgress(grantee: IGrantable, groups: readonly string[]): void {
    this.allow(
      grantee,
      ['kafka-cluster:DescribeGroup'],
      groups.map((group) => this.arnOf('group', group)),
    );
  }

  /**
   * Lets a role look into these topics without being a consumer of theirs: each look is the only member of a group of its own, whose name
   * nobody knows before. Their cluster is named and not numbered, so that the template checks can be told which wildcard is meant.
   */
  grantLook(grantee: IGrantable, topics: readonly string[]): void {
    this.allow(grantee, ['kafka-cluster:Connect', 'kafka-cluster:DescribeCluster'], [this.clusterArn]);
    this.allow(
      grantee,
      ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'],
      topics.map((topic) => this.arnOf('topic', topic)),
    );
    this.allow(grantee, ['kafka-cluster:AlterGroup', 'kafka-cluster:DescribeGroup', 'kafka-cluster:DeleteGroup'], [this.readerGroupsArn]);
  }

  private allow(grantee: IGrantable, actions: string[], resources: string[]): void {
    grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources }));
  }

  get readerGroupsArn(): string {
    return Stack.of(this).formatArn({ service: 'kafka', resource: 'group', resourceName: `${this.clusterName}/*/${READER_GROUPS}*` });
  }

  /** arn:...:cluster/name/uuid becomes arn:...:topic/name/uuid/topic. */
  private arnOf(kind: 'topic' | 'group', name: string): string {
    const path = Fn.select(1, Fn.split(':cluster/', this.clusterArn));
    return Stack.of(this).formatArn({ service: 'kafka', resource: kind, resourceName: Fn.join('/', [path, name]) });
  }

  private configuration(name: string): CfnConfiguration {
    const properties = {
      'auto.create.topics.enable': 'false',
      'default.replication.factor': String(this.replicationFactor),
      'min.insync.replicas': String(this.minInsyncReplicas),
    };
    return new CfnConfiguration(this, 'Configuration', { name, kafkaVersionsList: [KAFKA_VERSION], serverProperties: text(properties) });
  }

  private topic(name: string, partitionCount: number, retentionMs: number, express: boolean): void {
    const properties = {
      'retention.ms': String(retentionMs),
      'max.message.bytes': String(MAX_MESSAGE_BYTES),
      // Express brokers set it themselves.
      ...(express ? {} : { 'min.insync.replicas': String(this.minInsyncReplicas) }),
    };
    // Properties text in base64, like the server properties of a cluster.
    const configs = Buffer.from(text(properties)).toString('base64');
    new CfnTopic(this, `Topic-${name}`, {
      clusterArn: this.clusterArn,
      topicName: name,
      partitionCount,
      replicationFactor: this.replicationFactor,
      configs,
    });
  }

  /** With two copies an insist on two would stop the stream at every broker restart. */
  private get minInsyncReplicas(): number {
    return this.replicationFactor >= 3 ? 2 : 1;
  }
}

function text(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n');
}
