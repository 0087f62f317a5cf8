import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { createDatabase, type Database } from '#platform/postgres/database.ts';
import { createLocalJobDriver } from '#platform/workflows/local/driver.ts';
import { createTemporalClient, type TemporalConfig } from '#platform/workflows/temporal/client.ts';
import { createTemporalJobDriver } from '#platform/workflows/temporal/driver.ts';
import { upsertSchedules } from '#platform/workflows/temporal/schedules.ts';
import { startTemporalWorker } from '#platform/workflows/temporal/worker.ts';
import { createTestPostgres, type TestPostgres, testConfig } from '#test/support/engines.ts';
import { jobDriverContract } from '#test/support/jobs/contract.ts';
import { SAMPLE_JOBS } from '#test/support/jobs/sample-jobs.ts';
import { describeWithTemporal } from '#test/support/real-engines.ts';
import { buildWorkflowBundle } from '../../scripts/workflow-bundle.ts';

describe('the job driver in process', () => {
  let postgres: TestPostgres;
  let database: Database;
  beforeAll(async () => {
    postgres = await createTestPostgres();
    database = createDatabase(postgres.config);
  });
  afterAll(async () => {
    await database.close();
    await postgres.drop();
  });

  jobDriverContract(async (activities, { schedules = [], onJobFailed } = {}) => {
    const driver = createLocalJobDriver({
      database,
      clock: systemClock,
      logger: silentLogger,
      jobs: SAMPLE_JOBS,
      app: activities,
      schedules,
      pollMs: 50,
      ...(onJobFailed ? { onJobFailed } : {}),
    });
    return { driver, stop: () => driver.close() };
  });
});

describeWithTemporal('the job driver on Temporal', (temporal) => {
  const folder = mkdtempSync(join(tmpdir(), 'flexprice-bundle-'));
  const bundle = join(folder, 'workflow-bundle.js');
  beforeAll(async () => {
    // As the build makes it, so that the form that is deployed is the one that is proved.
    writeFileSync(bundle, await buildWorkflowBundle('test/support/jobs/sample-workflows.ts'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  let hosts = 0;
  jobDriverContract(async (activities, { schedules = [], onJobFailed } = {}) => {
    hosts += 1;
    const config: TemporalConfig = {
      ...testConfig({ FLEXPRICE_TEMPORAL_TASK_QUEUE: `contract-${hosts}` }).temporal,
      address: temporal().address,
    };
    const worker = await startTemporalWorker({
      config,
      jobs: SAMPLE_JOBS,
      app: activities,
      logger: silentLogger,
      workflows: { bundle },
      ...(onJobFailed ? { onJobFailed } : {}),
    });
    const client = await createTemporalClient(config);
    await upsertSchedules(client, schedules, config.task_queue);
    const driver = createTemporalJobDriver(config, SAMPLE_JOBS);
    return {
      driver,
      async stop() {
        await upsertSchedules(client, [], config.task_queue);
        await client.connection.close();
        await driver.close();
        await worker.stop();
      },
    };
  });
});
