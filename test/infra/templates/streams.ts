import { expect, test } from 'vitest';
import { AUDIT_GROUP as AUDIT } from '#audit/consumer.ts';
import { COUNTER_GROUP as COUNTERS } from '#counters/service/counter-consumer.ts';
import { FOLLOW_UP_GROUP as FOLLOW_UP } from '#ingestion/service/follow-up-consumer.ts';
import { loadConfig } from '#platform/config/load.ts';
import { READER_GROUP_PREFIX } from '#platform/event-log/kafka/reader.ts';
import { dlqOf, TOPICS, topicSpecs } from '#platform/event-log/topics.ts';
import { EVENT_CONSUMER_GROUP } from '#ingestion/service/event-streams.ts';
import { environmentConfig } from '../../../infra/config/environments.ts';
import {
  ALL_TOPICS,
  AUDIT_GROUP,
  CONSUMER_GROUPS,
  COUNTER_GROUP,
  EVENT_TOPICS,
  FOLLOW_UP_GROUP,
} from '../../../infra/constructs/streams.ts';
import type { Synthesised } from '../synthesised.ts';

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}
const HOUR_MS = 3_600_000;

export function streamTests(env: string, of: () => Synthesised): void {
  test('topics are the ones of the code, with its partitions and retention', () => {
    const config = loadConfig({
      env: { FLEXPRICE_KAFKA_BROKERS: 'b-1:9098', FLEXPRICE_DEPLOYMENT_ENVIRONMENT: env },
      file: 'no-such-file.yaml',
    });
    const specs = topicSpecs(config);
    const topics = of()
      .properties('AWS::MSK::Topic')
      .map(({ TopicName, PartitionCount, Configs }) => {
        const settings = Object.fromEntries(
          Buffer.from(String(Configs), 'base64')
            .toString()
            .split('\n')
            .map((line) => line.split('=')),
        );
        expect(settings['max.message.bytes']).toBe(String(8 * 1024 * 1024));
        return { name: TopicName, partitions: PartitionCount, retentionHours: Number(settings['retention.ms']) / HOUR_MS };
      });
    expect(topics.sort((a, b) => String(a.name).localeCompare(String(b.name)))).toEqual(specs.sort((a, b) => a.name.localeCompare(b.name)));
  });

  test('rights name the topics and groups of the code', () => {
    expect([...ALL_TOPICS].sort()).toEqual(
      Object.values(TOPICS)
        .flatMap((topic) => [topic, dlqOf(topic)])
        .sort(),
    );
    expect(EVENT_TOPICS).toEqual([TOPICS.events, TOPICS.eventsLazy]);
    expect([AUDIT_GROUP, COUNTER_GROUP, FOLLOW_UP_GROUP]).toEqual([AUDIT, COUNTERS, FOLLOW_UP]);
    expect(CONSUMER_GROUPS).toEqual(EVENT_TOPICS.map((topic) => `${EVENT_CONSUMER_GROUP}-${topic}`));
    const kafka = of()
      .properties('AWS::IAM::Policy', 'services')
      .flatMap(({ PolicyDocument }) => (PolicyDocument as { Statement: Statement[] }).Statement)
      .filter(({ Action }) => [Action].flat().some((action) => action.startsWith('kafka-cluster:')));
    expect(kafka.length).toBeGreaterThan(8);
    const wide = kafka.filter(({ Resource }) => JSON.stringify(Resource).includes('*'));
    // But for looks into topics, each of which is a group of its own.
    expect(wide.map(({ Action, Resource }) => [[Action].flat().sort(), /\*.*\*/.exec(JSON.stringify(Resource))?.[0]])).toEqual([
      [['kafka-cluster:AlterGroup', 'kafka-cluster:DeleteGroup', 'kafka-cluster:DescribeGroup'], `*/${READER_GROUP_PREFIX}*`],
    ]);
    // Nobody who only accepts events can read them.
    const reading = kafka.filter(({ Action }) => [Action].flat().includes('kafka-cluster:ReadData'));
    expect(reading).toHaveLength(3);
  });

  test('the cluster speaks TLS with IAM only, encrypted with our key, in the size of the environment', () => {
    const { kafka } = environmentConfig(env);
    expect(of().properties('AWS::MSK::Cluster')).toEqual([
      expect.objectContaining({
        KafkaVersion: '3.9.x.kraft',
        NumberOfBrokerNodes: kafka.brokers,
        BrokerNodeGroupInfo: expect.objectContaining({ InstanceType: kafka.instanceType }) as unknown,
        EncryptionInfo: {
          EncryptionAtRest: { DataVolumeKMSKeyId: expect.anything() as unknown },
          EncryptionInTransit: { ClientBroker: 'TLS', InCluster: true },
        },
        ClientAuthentication: { Sasl: { Iam: { Enabled: true } }, Unauthenticated: { Enabled: false } },
      }),
    ]);
    expect(of().properties('AWS::MSK::Configuration')).toHaveLength(kafka.brokerType === 'express' ? 0 : 1);
  });
}
