import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SQSClient } from '@aws-sdk/client-sqs';

interface Kept {
  readonly id: string;
  readonly body: string;
  readonly attributes: Record<string, unknown>;
  visible: boolean;
}
type Request = Record<string, string> & { MessageAttributes?: Record<string, unknown> };

const MAX_BYTES = 256 * 1024;

/** As much of SQS's JSON protocol as the overflow uses, behind the real SDK. A message that was received stays hidden until it is released. */
export async function startSqsDouble() {
  const messages: Kept[] = [];
  const operations: Record<string, (request: Request) => unknown> = {
    SendMessage({ MessageBody = '', MessageAttributes = {} }) {
      if (Buffer.byteLength(MessageBody) + Buffer.byteLength(JSON.stringify(MessageAttributes)) > MAX_BYTES)
        throw new Error('One or more parameters are invalid. Reason: Message must be shorter than 262144 bytes.');
      const id = randomUUID();
      messages.push({ id, body: MessageBody, attributes: MessageAttributes, visible: true });
      return { MessageId: id, MD5OfMessageBody: md5(MessageBody) };
    },
    ReceiveMessage() {
      const received = messages.filter(({ visible }) => visible).slice(0, 10);
      for (const message of received) message.visible = false;
      return {
        Messages: received.map(({ id, body, attributes }) => ({
          MessageId: id,
          ReceiptHandle: id,
          Body: body,
          MD5OfBody: md5(body),
          MessageAttributes: attributes,
        })),
      };
    },
    DeleteMessage({ ReceiptHandle }) {
      messages.splice(
        messages.findIndex(({ id }) => id === ReceiptHandle),
        1,
      );
      return {};
    },
    ChangeMessageVisibility({ ReceiptHandle }) {
      for (const message of messages) if (message.id === ReceiptHandle) message.visible = true;
      return {};
    },
  };

  const server = createServer(async (request, response) => {
    const name = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
    try {
      const answer = operations[name]?.(JSON.parse(await text(request)) as Request);
      if (answer === undefined) throw new Error(`no operation ${name}`);
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(answer));
    } catch (error) {
      response
        .writeHead(400, { 'content-type': 'application/x-amz-json-1.0' })
        .end(JSON.stringify({ __type: 'InvalidParameterValue', message: (error as Error).message }));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    queueUrl: `${endpoint}/000000000000/ingest-overflow`,
    client: () =>
      new SQSClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1 }),
    /** Puts something into the queue that the overflow did not write. */
    inject: (body: string) => {
      messages.push({ id: randomUUID(), body, attributes: {}, visible: true });
    },
    bodies: () => messages.map(({ body }) => body),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function md5(value: string): string {
  return createHash('md5').update(value).digest('hex');
}
