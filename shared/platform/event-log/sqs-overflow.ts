import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { inChunks } from './chunks.ts';
import { framedSize } from './framing.ts';
import { type EventLogLogger, silentLogger } from './log.ts';
import type { Overflow, OverflowHandler } from './overflow.ts';
import { decodeText, encodeAsTexts } from './overflow-codec.ts';

export interface SqsOverflowOptions {
  readonly queueUrl: string;
  readonly client?: SQSClient;
  readonly logger?: EventLogLogger;
}

/** SQS takes 256 KiB per message, attributes included. */
const MESSAGE_MAX_BYTES = 256 * 1024 - 1024;
/** What is compressed at once: bounds the memory and the time that the event loop stands still. */
const RAW_MAX_BYTES = 2 * 1024 * 1024;
const TOPIC_ATTRIBUTE = 'topic';
/** Long enough to replay what one receive brings. */
const VISIBILITY_SECONDS = 120;
const WAIT_SECONDS = 1;
const RECEIVE_COUNT = 10;

/** The overflow in an SQS standard queue: each message holds records of one topic (gzip, base64). */
export function createSqsOverflow({ queueUrl: QueueUrl, client = defaultClient(), logger = silentLogger }: SqsOverflowOptions): Overflow {
  /** Not tied to the signal: a receive that is cut off may hide messages until their time-out. It waits for a second at most. */
  async function receive(): Promise<Message[]> {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: RECEIVE_COUNT,
        WaitTimeSeconds: WAIT_SECONDS,
        VisibilityTimeout: VISIBILITY_SECONDS,
        MessageAttributeNames: [TOPIC_ATTRIBUTE],
      }),
    );
    return [...Messages];
  }

  async function replay({ Body = '', MessageAttributes, ReceiptHandle, MessageId }: Message, handler: OverflowHandler): Promise<number> {
    const topic = MessageAttributes?.[TOPIC_ATTRIBUTE]?.StringValue;
    const records = readable(Body);
    if (topic === undefined || records === undefined) {
      // Left where it is: the queue's redrive policy puts it aside, with its body, for a person to look at.
      logger.error('event log: an overflow message cannot be read', { messageId: MessageId });
      return 0;
    }
    await handler(topic, records);
    await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    return records.length;
  }

  return {
    async put(topic, records) {
      for (const chunk of inChunks(records, framedSize, RAW_MAX_BYTES)) {
        for (const { text } of encodeAsTexts(chunk, MESSAGE_MAX_BYTES)) {
          await client.send(
            new SendMessageCommand({
              QueueUrl,
              MessageBody: text,
              MessageAttributes: { [TOPIC_ATTRIBUTE]: { DataType: 'String', StringValue: topic } },
            }),
          );
        }
      }
    },

    async take(handler, signal) {
      let total = 0;
      while (!signal.aborted) {
        const waiting = await receive();
        if (waiting.length === 0) break;
        try {
          for (let next = waiting[0]; next && !signal.aborted; next = waiting[0]) {
            total += await replay(next, handler);
            waiting.shift();
          }
        } finally {
          // What was received and not replayed need not wait for its time-out to come again.
          await Promise.allSettled(
            waiting.map(({ ReceiptHandle }) =>
              client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 })),
            ),
          );
        }
      }
      return total;
    },

    close: async () => client.destroy(),
  };
}

function readable(body: string) {
  try {
    return decodeText(body);
  } catch {
    return undefined;
  }
}

/** Put is the last resort of a request that has a deadline: it fails within seconds when SQS does not answer. */
function defaultClient(): SQSClient {
  return new SQSClient({ maxAttempts: 3, requestHandler: { connectionTimeout: 2000, requestTimeout: 5000 } });
}
