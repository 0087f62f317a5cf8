import { DeleteMessageCommand, type SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWithElasticMq } from '../support/real-engines.ts';
import { eventually } from './event-log-harness.ts';
import { startSqsDouble } from './sqs-double.ts';
import { countOf, makeQueues, peek, receive, release, type TestSqs } from './sqs-harness.ts';

// What the overflow relies on of a queue. The double has to do as a real server does, or tests on it show nothing.

function queueContract(sqs: () => TestSqs): void {
  let client: SQSClient;
  beforeAll(() => {
    client = sqs().client();
  });
  afterAll(() => client.destroy());

  const send = (QueueUrl: string, MessageBody: string, topic = 'events') =>
    client.send(
      new SendMessageCommand({ QueueUrl, MessageBody, MessageAttributes: { topic: { DataType: 'String', StringValue: topic } } }),
    );
  const counts = (messages: Awaited<ReturnType<typeof receive>>) =>
    messages.map(({ Body, Attributes }) => [Body, Attributes?.ApproximateReceiveCount]);

  test('a message that was received is hidden until its time-out, and counts how often it was received', async () => {
    const { url } = await makeQueues(client, 5);
    await send(url, 'one');
    expect(counts(await receive(client, url, 2))).toEqual([['one', '1']]);
    expect(await receive(client, url, 2)).toEqual([]);
    expect(await countOf(client, url)).toBe(1);
    let again: Awaited<ReturnType<typeof receive>> = [];
    await eventually('the message is to be had again', async () => {
      again = await receive(client, url, 60);
      return again.length > 0;
    });
    expect(counts(again)).toEqual([['one', '2']]);
  });

  test('it keeps its body and its attributes, and is gone when it is deleted', async () => {
    const { url } = await makeQueues(client, 5);
    await send(url, 'body', 'system_events');
    const [message] = await receive(client, url, 60);
    expect([message?.Body, message?.MessageAttributes?.topic?.StringValue]).toEqual(['body', 'system_events']);
    await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message?.ReceiptHandle }));
    expect(await countOf(client, url)).toBe(0);
  });

  test('it may be given back before its time-out', async () => {
    const { url } = await makeQueues(client, 5);
    await send(url, 'one');
    const [message] = await receive(client, url, 60);
    await release(client, url, message?.ReceiptHandle);
    expect(counts(await receive(client, url, 60))).toEqual([['one', '2']]);
  });

  test('one that was received too often goes to the dead letters as it is, also when it was given back each time', async () => {
    const { url, deadLetterUrl } = await makeQueues(client, 3);
    await send(url, 'doomed', 'events_lazy');
    for (let time = 1; time <= 3; time += 1) {
      const [message] = await receive(client, url, 60);
      expect(message?.Attributes?.ApproximateReceiveCount).toBe(String(time));
      await release(client, url, message?.ReceiptHandle);
    }
    expect([await countOf(client, url), await countOf(client, deadLetterUrl)]).toEqual([1, 0]);
    // Nothing moves by itself: the next receive finds out.
    expect(await receive(client, url, 60)).toEqual([]);
    expect([await countOf(client, url), await countOf(client, deadLetterUrl)]).toEqual([0, 1]);
    const [letter] = await peek(client, deadLetterUrl);
    expect([letter?.Body, letter?.MessageAttributes?.topic?.StringValue]).toEqual(['doomed', 'events_lazy']);
  });

  test('a receive brings ten at most, and a second one others', async () => {
    const { url } = await makeQueues(client, 5);
    const bodies = Array.from({ length: 12 }, (_, index) => `m${String(index).padStart(2, '0')}`);
    for (const body of bodies) await send(url, body);
    const [first, second] = [await receive(client, url, 60), await receive(client, url, 60)];
    expect([first.length, second.length]).toEqual([10, 2]);
    expect([...first, ...second].map(({ Body }) => Body).sort()).toEqual(bodies);
  });

  test('a message over the limit is refused', async () => {
    const { url } = await makeQueues(client, 5);
    await expect(send(url, 'x'.repeat(2 * 1024 * 1024))).rejects.toThrow();
    expect(await countOf(client, url)).toBe(0);
  });
}

describe('the double of SQS', () => {
  let sqs: TestSqs;
  beforeAll(async () => {
    sqs = await startSqsDouble();
  });
  afterAll(() => sqs.stop());
  queueContract(() => sqs);
});

describeWithElasticMq('ElasticMQ', queueContract);
