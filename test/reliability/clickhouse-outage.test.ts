import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningClickHouse, startClickHouse } from '#local/engines/clickhouse/clickhouse.ts';
import { migrateClickHouse } from '#platform/clickhouse/migrate.ts';
import type { Config } from '#platform/config/schema.ts';
import { createTestPostgres, type TestPostgres, testConfig } from '../support/engines.ts';
import { type MeteringChain, portThatStays, startMeteringChain } from '../support/metering-chain.ts';
import { expectNothingLost, OUTAGE_TEST_MS, rideOutage } from '../support/outage.ts';
import { EVENT_NAME } from '../support/outage-load.ts';
import { describeWithKafka } from '../support/real-engines.ts';

// The whole way of an event while ClickHouse dies and comes back: the handler, the log, the consumer's process and those behind it.

const START_MS = 120_000;

function tests(env: () => Record<string, string>): void {
  let postgres: TestPostgres;
  let dataDir: string;
  let engine: RunningClickHouse | undefined;
  let chain: MeteringChain | undefined;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'flexprice-clickhouse-away-'));
    const port = await portThatStays();
    [postgres, engine] = await Promise.all([createTestPostgres(), startOn(port)]);
    const config: Config = {
      ...testConfig({ FLEXPRICE_CLICKHOUSE_URL: engine.url, FLEXPRICE_LOG_LEVEL: 'WARN', ...env() }),
      postgres: postgres.config,
    };
    await migrateClickHouse(config);
    chain = await startMeteringChain(config);
  }, START_MS);
  afterAll(async () => {
    await chain?.close();
    await Promise.all([engine?.stop(), postgres?.drop()]);
    if (dataDir) rmSync(dataDir, { recursive: true, force: true });
  }, START_MS);

  const startOn = (port: number): Promise<RunningClickHouse> =>
    startClickHouse({ dataDir: join(dataDir, 'data'), port, logFile: join(dataDir, 'clickhouse.log') });
  const mortal = {
    name: 'ClickHouse',
    async kill() {
      engine?.kill();
      await engine?.exited;
    },
    async restart() {
      engine = await startOn(engine?.port ?? 0);
    },
  };

  test(
    'every event is accepted, usage says that it cannot answer, and all is there afterwards',
    async () => {
      if (!chain) throw new Error('the chain has not been started');
      const { pids, request } = chain;
      const before = pids();
      const { load, acknowledgedMeanwhile, lagAtItsEnd } = await rideOutage(chain, mortal, async () => {
        const asked = await request('POST', '/v1/events/usage', { event_name: EVENT_NAME, aggregation_type: 'COUNT' });
        expect(asked).toMatchObject({ status: 503, body: { code: 'service_unavailable', details: { engine: 'clickhouse' } } });
      });
      // Ingest does not know ClickHouse.
      expect(load.refusals()).toBe(0);
      expect(acknowledgedMeanwhile).toBeGreaterThan(500);
      expect(lagAtItsEnd).toBeGreaterThan(0n);
      await expectNothingLost(chain, load);
      // The consumer went on by itself: there was nothing for ECS to start again.
      expect(pids()).toEqual(before);
    },
    OUTAGE_TEST_MS,
  );
}

describe('metering while ClickHouse is killed and comes back, with the log in Postgres', () => tests(() => ({})));

describeWithKafka('metering while ClickHouse is killed and comes back, with Kafka', (kafka) =>
  tests(() => ({ FLEXPRICE_KAFKA_BROKERS: kafka().brokers.join(',') })),
);
