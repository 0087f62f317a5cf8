import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { sqsClient, type TestSqs } from './sqs-harness.ts';

interface Kept {
  readonly id: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  received: number;
  /** Of the last receive: earlier ones have lost their say. */
  receipt: string;
  visibleAt: number;
}
interface Queue {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messages: Kept[];
}
interface Request {
  readonly QueueName?: string;
  readonly QueueUrl?: string;
  readonly Attributes?: Readonly<Record<string, string>>;
  readonly MessageBody?: string;
  readonly MessageAttributes?: Readonly<Record<string, unknown>>;
  readonly MessageAttributeNames?: readonly string[];
  readonly MaxNumberOfMessages?: number;
  readonly VisibilityTimeout?: number;
  readonly ReceiptHandle?: string;
}

const MAX_BYTES = 256 * 1024;
const ARN = 'arn:aws:sqs:us-east-1:000000000000:';
const ACCOUNT = '000000000000';

export interface SqsDouble extends TestSqs {
  /** Of a queue with a dead-letter queue beside it, as most tests need. */
  readonly queueUrl: string;
  /** Lets so much of its time pass at once. */
  advance(milliseconds: number): void;
  /** What is in the queue, received or not. */
  bodies(): string[];
}

/**
 * As much of SQS's JSON protocol as the overflow uses, behind the real SDK, with visibility time-outs and redrive: `test/contract/sqs.test.ts`
 * holds it to a real server. Its time goes `speed` times as fast as that of the clock.
 */
export async function startSqsDouble({ speed = 1 }: { readonly speed?: number } = {}): Promise<SqsDouble> {
  const queues = new Map<string, Queue>();
  let skipped = 0;
  const now = () => performance.now() * speed + skipped;

  function queueOf(url = ''): Queue {
    const queue = queues.get(url.split('/').at(-1) ?? '');
    if (queue === undefined) throw new Refusal('AWS.SimpleQueueService.NonExistentQueue', 'The specified queue does not exist.');
    return queue;
  }

  /** The queue that gets what was received so often, and how often that is. */
  function redriveOf({ attributes }: Queue): { readonly limit: number; readonly target: Queue | undefined } {
    if (attributes.RedrivePolicy === undefined) return { limit: Number.POSITIVE_INFINITY, target: undefined };
    const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(attributes.RedrivePolicy) as Record<string, string>;
    return { limit: Number(maxReceiveCount), target: queues.get(deadLetterTargetArn?.split(':').at(-1) ?? '') };
  }

  function held({ messages }: Queue, receipt: string | undefined): Kept {
    const message = messages.find((each) => each.receipt === receipt);
    if (message === undefined) throw new Refusal('ReceiptHandleIsInvalid', 'The input receipt handle is invalid.');
    return message;
  }

  const operations: Readonly<Record<string, (request: Request) => unknown>> = {
    CreateQueue({ QueueName = '', Attributes = {} }) {
      if (!queues.has(QueueName)) queues.set(QueueName, { name: QueueName, attributes: Attributes, messages: [] });
      return { QueueUrl: `${endpoint}/${ACCOUNT}/${QueueName}` };
    },
    GetQueueAttributes({ QueueUrl }) {
      const { name, attributes, messages } = queueOf(QueueUrl);
      const waiting = messages.filter(({ visibleAt }) => visibleAt <= now()).length;
      return {
        Attributes: {
          ...attributes,
          QueueArn: `${ARN}${name}`,
          ApproximateNumberOfMessages: String(waiting),
          ApproximateNumberOfMessagesNotVisible: String(messages.length - waiting),
          ApproximateNumberOfMessagesDelayed: '0',
        },
      };
    },
    SendMessage({ QueueUrl, MessageBody = '', MessageAttributes = {} }) {
      if (Buffer.byteLength(MessageBody) + Buffer.byteLength(JSON.stringify(MessageAttributes)) > MAX_BYTES)
        throw new Refusal(
          'InvalidParameterValue',
          `One or more parameters are invalid. Reason: Message must be shorter than ${MAX_BYTES} bytes.`,
        );
      const message = { id: randomUUID(), body: MessageBody, attributes: MessageAttributes, received: 0, receipt: '', visibleAt: 0 };
      queueOf(QueueUrl).messages.push(message);
      return { MessageId: message.id, MD5OfMessageBody: md5(MessageBody) };
    },
    /** Answers at once, also where a real one would wait for a message to come. */
    ReceiveMessage({ QueueUrl, MaxNumberOfMessages = 1, VisibilityTimeout, MessageAttributeNames = [] }) {
      const queue = queueOf(QueueUrl);
      const { limit, target } = redriveOf(queue);
      const seconds = VisibilityTimeout ?? Number(queue.attributes.VisibilityTimeout ?? 30);
      const received: Kept[] = [];
      for (const message of queue.messages.filter(({ visibleAt }) => visibleAt <= now())) {
        if (received.length === MaxNumberOfMessages) break;
        if (message.received >= limit) {
          queue.messages.splice(queue.messages.indexOf(message), 1);
          target?.messages.push(message);
          continue;
        }
        message.received += 1;
        message.receipt = randomUUID();
        message.visibleAt = now() + seconds * 1000;
        received.push(message);
      }
      return {
        Messages: received.map(({ id, receipt, body, attributes, received: count }) => ({
          MessageId: id,
          ReceiptHandle: receipt,
          Body: body,
          MD5OfBody: md5(body),
          Attributes: { ApproximateReceiveCount: String(count) },
          MessageAttributes: Object.fromEntries(Object.entries(attributes).filter(([name]) => MessageAttributeNames.includes(name))),
        })),
      };
    },
    DeleteMessage({ QueueUrl, ReceiptHandle }) {
      const queue = queueOf(QueueUrl);
      queue.messages.splice(queue.messages.indexOf(held(queue, ReceiptHandle)), 1);
      return {};
    },
    ChangeMessageVisibility({ QueueUrl, ReceiptHandle, VisibilityTimeout = 0 }) {
      held(queueOf(QueueUrl), ReceiptHandle).visibleAt = now() + VisibilityTimeout * 1000;
      return {};
    },
  };

  const server = createServer(async (request, response) => {
    const name = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
    try {
      const operation = operations[name];
      if (operation === undefined) throw new Refusal('InvalidAction', `no operation ${name}`);
      answer(200, operation(JSON.parse(await text(request)) as Request));
    } catch (error) {
      if (error instanceof Refusal) answer(400, { __type: error.type, message: error.message });
      else answer(500, { __type: 'InternalFailure', message: String(error) });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  operations.CreateQueue?.({ QueueName: 'overflow-dead-letters' });
  operations.CreateQueue?.({
    QueueName: 'overflow',
    Attributes: { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: `${ARN}overflow-dead-letters`, maxReceiveCount: 1000 }) },
  });
  return {
    endpoint,
    queueUrl: `${endpoint}/${ACCOUNT}/overflow`,
    client: () => sqsClient(endpoint),
    advance: (milliseconds) => {
      skipped += milliseconds;
    },
    bodies: () => queues.get('overflow')?.messages.map(({ body }) => body) ?? [],
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

class Refusal extends Error {
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

function md5(value: string): string {
  return createHash('md5').update(value).digest('hex');
}
