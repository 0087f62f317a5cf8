import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { unique } from './event-log-harness.ts';

/** A server that speaks SQS's protocol: a real one, or the double. */
export interface TestSqs {
  readonly endpoint: string;
  client(): SQSClient;
  stop(): Promise<void>;
}

export interface TestQueues {
  readonly url: string;
  readonly deadLetterUrl: string;
}

export function sqsClient(endpoint: string): SQSClient {
  return new SQSClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1 });
}

/** Makes a queue that no other test uses, with the queue that gets what was received `maxReceiveCount` times. */
export async function makeQueues(client: SQSClient, maxReceiveCount: number): Promise<TestQueues> {
  const name = unique('overflow');
  const { QueueUrl: deadLetterUrl = '' } = await client.send(new CreateQueueCommand({ QueueName: `${name}_dead` }));
  const { QueueArn } = await attributesOf(client, deadLetterUrl);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: QueueArn, maxReceiveCount });
  const { QueueUrl: url = '' } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes: { RedrivePolicy } }));
  return { url, deadLetterUrl };
}

export async function attributesOf(client: SQSClient, QueueUrl: string): Promise<Readonly<Record<string, string>>> {
  const { Attributes = {} } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  return Attributes;
}

/** How many messages are in a queue, received or not. */
export async function countOf(client: SQSClient, url: string): Promise<number> {
  const { ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible } = await attributesOf(client, url);
  return Number(ApproximateNumberOfMessages) + Number(ApproximateNumberOfMessagesNotVisible);
}

/** What may be received at once, which stays hidden for so long. */
export async function receive(client: SQSClient, QueueUrl: string, VisibilityTimeout: number): Promise<Message[]> {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl,
      VisibilityTimeout,
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ['topic'],
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    }),
  );
  return Messages;
}

/** All messages that are to be had, which cost each of them a receive; they may be received again at once. */
export async function peek(client: SQSClient, QueueUrl: string): Promise<Message[]> {
  const messages: Message[] = [];
  for (let some = await receive(client, QueueUrl, 60); some.length > 0; some = await receive(client, QueueUrl, 60)) messages.push(...some);
  await Promise.all(messages.map(({ ReceiptHandle }) => release(client, QueueUrl, ReceiptHandle)));
  return messages;
}

export async function release(client: SQSClient, QueueUrl: string, ReceiptHandle: string | undefined): Promise<void> {
  await client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
}
