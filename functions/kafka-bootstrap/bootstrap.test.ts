import { GetBootstrapBrokersCommand, type KafkaClient } from '@aws-sdk/client-kafka';
import { expect, test } from 'vitest';
import { iamBrokers } from './bootstrap.ts';

const ARN = 'arn:aws:kafka:us-east-1:111122223333:cluster/events/x';

function client(answer: object) {
  const sent: unknown[] = [];
  const send = async (command: unknown): Promise<object> => {
    sent.push(command);
    return answer;
  };
  return { sent, kafka: { send } as unknown as Pick<KafkaClient, 'send'> };
}

test('asks for the cluster and returns its IAM brokers in a stable order', async () => {
  const { sent, kafka } = client({ BootstrapBrokerStringSaslIam: 'b-2.x:9098,b-1.x:9098', BootstrapBrokerStringTls: 'b-1.x:9094' });
  expect(await iamBrokers(kafka, ARN)).toBe('b-1.x:9098,b-2.x:9098');
  expect(sent[0]).toBeInstanceOf(GetBootstrapBrokersCommand);
  expect((sent[0] as GetBootstrapBrokersCommand).input).toEqual({ ClusterArn: ARN });
});

test('a cluster without IAM authentication is an error, not an empty list', async () => {
  await expect(iamBrokers(client({ BootstrapBrokerStringTls: 'b-1.x:9094' }).kafka, ARN)).rejects.toThrow(
    'no brokers for IAM authentication',
  );
});
