import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type App, createApp } from '#app/create-app.ts';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { systemContext } from '#kernel/context.ts';
import type { Config } from '#platform/config/schema.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { createOverflow } from '#platform/event-log/create-overflow.ts';
import type { Overflow } from '#platform/event-log/overflow.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import { startOverflowReplay } from '#workers/relay/overflow-replay.ts';
import { eventually, openEventLog, read } from '../contract/event-log-harness.ts';
import { type SqsDouble, startSqsDouble } from '../contract/sqs-double.ts';
import { toGatewayEvent } from '../support/api.ts';
import { createTestPostgres, type TestPostgres, testConfig } from '../support/engines.ts';
import { ensureTopics, validEvent } from '../support/events.ts';
import { describeWithKafka } from '../support/real-engines.ts';

// The whole way of an event while Kafka dies and comes back: API Gateway's event, the function's handler, Kafka or SQS, the relay's replay.

const KEY = 'sk_kafka_outage_0123456789abcdef';
const OUTAGE_MS = 60_000;
const LOADERS = 4;
/** What was received when the broker went is hidden for two minutes of the queue's time: here for six seconds. */
const QUEUE_SPEED = 20;

describeWithKafka('ingest while the Kafka broker is killed and comes back', (kafka) => {
  let postgres: TestPostgres;
  let queue: SqsDouble;
  let app: App;
  let overflow: Overflow;
  let replay: ReturnType<typeof startOverflowReplay>;

  beforeAll(async () => {
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    [postgres, queue] = await Promise.all([createTestPostgres(), startSqsDouble({ speed: QUEUE_SPEED })]);
    // The double is no host of Amazon's: the SDK would warn of every message.
    vi.stubEnv('AWS_ENDPOINT_URL_SQS', new URL(queue.queueUrl).origin);
    const env = {
      FLEXPRICE_KAFKA_BROKERS: kafka().brokers.join(','),
      FLEXPRICE_OVERFLOW_QUEUE_URL: queue.queueUrl,
      FLEXPRICE_LOG_LEVEL: 'ERROR',
    };
    const config: Config = { ...testConfig(env), postgres: postgres.config };
    app = createApp(config);
    await Promise.all([
      app.tenancy.createTenant(systemContext('tenant_outage', '', 'test'), { name: 'Outage', key: KEY }),
      ensureTopics(app),
    ]);
    // The relay's part, as the worker runs it.
    overflow = await createOverflow(config);
    replay = startOverflowReplay({ overflow, eventLog: await app.eventLog, logger: silentLogger }, { pollMs: 200 });
  });
  afterAll(async () => {
    await replay?.stop();
    await overflow?.close();
    await app?.close();
    await Promise.all([postgres?.drop(), queue?.stop()]);
    vi.unstubAllEnvs();
  });

  test(
    'nothing that was acknowledged is missing',
    async () => {
      const handler = createIngestHandler(app);
      const acknowledged: string[] = [];
      let sent = 0;
      let over = false;
      const load = async (): Promise<void> => {
        while (!over) {
          const ids = [1, 2, 3].map(() => `outage-${sent++}`);
          const events = ids.map((id, index) => validEvent({ event_id: id, external_customer_id: `customer-${(sent + index) % 11}` }));
          const answer = await handler(toGatewayEvent('POST', '/v1/events/bulk', { events }, { 'x-api-key': KEY }));
          // With the queue beside it, no event is ever turned away.
          expect({ status: answer.statusCode, body: answer.body }).toMatchObject({ status: 202 });
          acknowledged.push(...ids);
        }
      };
      const more = async (what: string, count: number): Promise<void> => {
        const goal = acknowledged.length + count;
        await eventually(what, () => acknowledged.length >= goal, OUTAGE_MS);
      };

      const loading = Promise.all(Array.from({ length: LOADERS }, load));
      const scenario = async (): Promise<void> => {
        await more('events flow into Kafka', 60);
        expect(queue.bodies()).toEqual([]);
        await kafka().kill();
        await more('events are accepted without Kafka', 24);
        expect(queue.bodies().length).toBeGreaterThan(0);
        await kafka().restart();
        await more('events are accepted with Kafka back', 60);
      };
      // Whichever fails first is the error to be shown.
      await Promise.race([scenario(), loading]).finally(() => {
        over = true;
      });
      await loading;

      await eventually('the queue is replayed', () => queue.bodies().length === 0, OUTAGE_MS);
      const log = openEventLog({ kind: 'kafka', brokers: kafka().brokers });
      try {
        const reader = await read(log, { group: 'after-the-outage', topics: [TOPICS.events] });
        const missing = (): string[] => {
          const stored = new Set(
            reader
              .texts()
              .join('\n')
              .match(/outage-\d+/g),
          );
          return acknowledged.filter((id) => !stored.has(id));
        };
        await expect.poll(missing, { timeout: OUTAGE_MS, interval: 100 }).toEqual([]);
        await reader.stop();
      } finally {
        await log.close();
      }
    },
    4 * OUTAGE_MS,
  );
});
