import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
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
  /** Where what cannot be read goes at once. Absent: it waits until the queue's redrive policy puts it aside. */
  readonly deadLetterQueueUrl?: string | undefined;
  /**
   * How long a message that was received is hidden from others, default 120: long enough to replay what one receive brings. Nothing shortens it
   * after a failure, so that a message spends one of the tries after which the redrive policy puts it aside (`maxReceiveCount`) every two
   * minutes at most, whatever else goes wrong.
   */
  readonly visibilitySeconds?: number;
  readonly client?: SQSClient;
  readonly logger?: EventLogLogger;
}

/** SQS takes 256 KiB per message, attributes included. */
const MESSAGE_MAX_BYTES = 256 * 1024 - 1024;
/** What is compressed at once: bounds the memory and the time that the event loop stands still. */
const RAW_MAX_BYTES = 2 * 1024 * 1024;
const TOPIC_ATTRIBUTE = 'topic';
/** Messages that wait, that somebody has in hand, and that come later. */
const COUNTS = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible', 'ApproximateNumberOfMessagesDelayed'] as const;
/** SQS names no bound but "at least a minute" after the last message for its counts to be right: twice that. */
const SETTLE_SECONDS = 120;
const WAIT_SECONDS = 1;
const RECEIVE_COUNT = 10;

/** The overflow in an SQS standard queue: each message holds records of one topic (gzip, base64). */
export function createSqsOverflow({
  queueUrl: QueueUrl,
  deadLetterQueueUrl,
  visibilitySeconds = 120,
  client = defaultClient(),
  logger = silentLogger,
}: SqsOverflowOptions): Overflow {
  /** Not tied to the signal: a receive that is cut off may hide messages until their time-out. It waits for a second at most. */
  async function receive(): Promise<Message[]> {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: RECEIVE_COUNT,
        WaitTimeSeconds: WAIT_SECONDS,
        VisibilityTimeout: visibilitySeconds,
        MessageAttributeNames: [TOPIC_ATTRIBUTE],
      }),
    );
    return [...Messages];
  }

  const remove = ({ ReceiptHandle }: Message) => client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));

  async function replay(message: Message, handler: OverflowHandler): Promise<number> {
    const topic = message.MessageAttributes?.[TOPIC_ATTRIBUTE]?.StringValue;
    const records = readable(message.Body ?? '');
    if (topic === undefined || records === undefined) {
      await putAside(message);
      return 0;
    }
    await handler(topic, records);
    await remove(message);
    return records.length;
  }

  /** Moves a message as it is to the dead letters, for a person to look at. What cannot be moved holds up nothing: it comes again. */
  async function putAside(message: Message): Promise<void> {
    const { Body: MessageBody, MessageAttributes, MessageId } = message;
    logger.error('event log: an overflow message cannot be read', { messageId: MessageId });
    if (deadLetterQueueUrl === undefined) return;
    try {
      await client.send(new SendMessageCommand({ QueueUrl: deadLetterQueueUrl, MessageBody, MessageAttributes }));
      await remove(message);
    } catch (error) {
      logger.warn('event log: it could not be moved to the dead letters', { messageId: MessageId, error: (error as Error).message });
    }
  }

  /** What was received and not tried, for whoever comes next: this process is being stopped. */
  async function release(untried: readonly Message[]): Promise<void> {
    await Promise.allSettled(
      untried.map(({ ReceiptHandle }) =>
        client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 })),
      ),
    );
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
        for (const [index, message] of waiting.entries()) {
          if (signal.aborted) {
            await release(waiting.slice(index));
            break;
          }
          total += await replay(message, handler);
        }
      }
      return total;
    },

    async isEmpty() {
      const { Attributes = {} } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...COUNTS] }));
      return COUNTS.every((count) => Attributes[count] === '0');
    },

    settleSeconds: SETTLE_SECONDS,

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
