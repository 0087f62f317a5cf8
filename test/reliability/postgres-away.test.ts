import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootstrapDatabase } from '#local/engines/bootstrap-database.ts';
import { type RunningPostgres, startPostgres } from '#local/engines/postgres.ts';
import { superuserConnection } from '#local/engines/postgres-server.ts';
import { loadCredentials } from '#local/engines/postgres-credentials.ts';
import type { Config } from '#platform/config/schema.ts';
import { migratePostgres } from '#platform/postgres/migrate.ts';
import { createTestClickHouse, type TestClickHouse, testConfig } from '../support/engines.ts';
import { type MeteringChain, portThatStays, startMeteringChain } from '../support/metering-chain.ts';
import { expectNothingLost, OUTAGE_SECONDS, OUTAGE_TEST_MS, rideOutage } from '../support/outage.ts';
import { describeWithKafka } from '../support/real-engines.ts';

// The whole way of an event while Postgres dies and comes back, with the log in Kafka as in production. Connections that are cut
// while the server lives are in test/integration/postgres-outage.test.ts.

const START_MS = 120_000;

describeWithKafka('metering while Postgres is killed and comes back', (kafka) => {
  let parent: string;
  let clickhouse: TestClickHouse;
  let engine: RunningPostgres | undefined;
  let chain: MeteringChain | undefined;

  beforeAll(async () => {
    parent = mkdtempSync(join(tmpdir(), 'flexprice-postgres-away-'));
    chmodSync(parent, 0o711); // the account that Postgres runs as has to get through
    const port = await portThatStays();
    [clickhouse, engine] = await Promise.all([createTestClickHouse(), startOn(port)]);
    const { app, migrator } = loadCredentials(join(parent, 'data'));
    const config: Config = {
      ...testConfig({
        FLEXPRICE_POSTGRES_HOST: engine.host,
        FLEXPRICE_POSTGRES_PORT: String(port),
        FLEXPRICE_POSTGRES_PASSWORD: app,
        FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD: migrator,
        FLEXPRICE_KAFKA_BROKERS: kafka().brokers.join(','),
        FLEXPRICE_LOG_LEVEL: 'WARN',
        // The outage is longer than keys outlive one, so that both is seen: ingest that goes on, and ingest that refuses. It begins
        // seconds after the key's first use, hence long before that is over.
        FLEXPRICE_AUTH_OUTAGE_SECONDS: String(Math.ceil(OUTAGE_SECONDS * 0.75)),
      }),
      clickhouse: clickhouse.config,
    };
    await bootstrapDatabase(superuserConnection(engine), config);
    await migratePostgres(config);
    chain = await startMeteringChain(config);
  }, START_MS);
  afterAll(async () => {
    await chain?.close();
    await Promise.all([engine?.stop(), clickhouse?.drop()]);
    if (parent) rmSync(parent, { recursive: true, force: true });
  }, START_MS);

  const startOn = (port: number): Promise<RunningPostgres> => {
    const dataDir = join(parent, 'data');
    mkdirSync(dataDir, { recursive: true });
    return startPostgres({ dataDir, port, logFile: join(parent, 'postgres.log') });
  };
  const mortal = {
    name: 'Postgres',
    async kill() {
      if (engine) process.kill(engine.pid, 'SIGKILL');
      await engine?.exited;
    },
    async restart() {
      engine = await startOn(engine?.port ?? 0);
    },
  };

  test(
    'events of remembered keys are accepted, others refused until it is back, and all that was accepted is there',
    async () => {
      if (!chain) throw new Error('the chain has not been started');
      const { pids, request } = chain;
      const before = pids();
      const { load, acknowledgedMeanwhile, refusalsMeanwhile, lagAtItsEnd } = await rideOutage(chain, mortal, async () => {
        expect(await request('GET', '/v1/customers')).toMatchObject({ status: 503, body: { code: 'service_unavailable' } });
      });
      expect(acknowledgedMeanwhile).toBeGreaterThan(0);
      expect(refusalsMeanwhile).toBeGreaterThan(0);
      // The consumer looks up customers that it has not seen, and waits for Postgres with their events.
      expect(lagAtItsEnd).toBeGreaterThan(0n);
      expect(load.givenUp.length).toBeGreaterThan(0);
      await expectNothingLost(chain, load);
      // The processes went on by themselves: there was nothing for ECS to start again.
      expect(pids()).toEqual(before);
    },
    OUTAGE_TEST_MS,
  );
});
