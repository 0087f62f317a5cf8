import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Config } from '#platform/config/schema.ts';
import { type SqsDouble, startSqsDouble } from '../contract/sqs-double.ts';
import { createTestClickHouse, createTestPostgres, type TestClickHouse, type TestPostgres, testConfig } from '../support/engines.ts';
import { type MeteringChain, startMeteringChain } from '../support/metering-chain.ts';
import { expectNothingLost, OUTAGE_TEST_MS, rideOutage } from '../support/outage.ts';
import { describeWithKafka } from '../support/real-engines.ts';

// The whole way of an event while the broker is away for as long as is required, with the processes that read from it. That ingest goes on
// at once, whatever dies under it, is in kafka-outage.test.ts.

const START_MS = 120_000;
/** What was received when the broker went is hidden for two minutes of the queue's time: here for six seconds. */
const QUEUE_SPEED = 20;

describeWithKafka('metering while the Kafka broker is killed, away, and comes back', (kafka) => {
  let postgres: TestPostgres;
  let clickhouse: TestClickHouse;
  let queue: SqsDouble;
  let chain: MeteringChain | undefined;

  beforeAll(async () => {
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    [postgres, clickhouse, queue] = await Promise.all([
      createTestPostgres(),
      createTestClickHouse(),
      startSqsDouble({ speed: QUEUE_SPEED }),
    ]);
    // The double is no host of Amazon's: the SDK would warn of every message.
    vi.stubEnv('AWS_ENDPOINT_URL_SQS', new URL(queue.queueUrl).origin);
    const env = {
      FLEXPRICE_KAFKA_BROKERS: kafka().brokers.join(','),
      FLEXPRICE_OVERFLOW_QUEUE_URL: queue.queueUrl,
      FLEXPRICE_LOG_LEVEL: 'WARN',
    };
    const config: Config = { ...testConfig(env), postgres: postgres.config, clickhouse: clickhouse.config };
    chain = await startMeteringChain(config);
  }, START_MS);
  afterAll(async () => {
    await chain?.close();
    await Promise.all([postgres?.drop(), clickhouse?.drop(), queue?.stop()]);
    vi.unstubAllEnvs();
  }, START_MS);

  test(
    'every event is accepted, and all is there once the overflow is replayed',
    async () => {
      if (!chain) throw new Error('the chain has not been started');
      const { pids } = chain;
      const before = pids();
      const mortal = {
        name: 'Kafka',
        kill: () => kafka().kill(),
        restart: () => kafka().restart(),
        waitingBeside: () => queue.bodies().length,
      };
      const { load, acknowledgedMeanwhile, lagAtItsEnd } = await rideOutage(chain, mortal, async () => undefined);
      // With the queue beside it, no event is ever turned away.
      expect(load.refusals()).toBe(0);
      expect(acknowledgedMeanwhile).toBeGreaterThan(0);
      expect(lagAtItsEnd).toBeGreaterThan(0n);
      await expectNothingLost(chain, load);
      // Consumer and relay joined again by themselves: there was nothing for ECS to start again.
      expect(pids()).toEqual(before);
    },
    OUTAGE_TEST_MS,
  );
});
