// Records the workflow histories under test/fixtures/temporal/ on a real Temporal dev server. Run it by hand after a deliberate change
// of a job's order of activities (and think of the runs that are under way in production then):
//   node_modules/.bin/node test/support/jobs/record-histories.ts
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { startTemporal } from '#local/engines/temporal.ts';
import { loadConfig } from '#platform/config/load.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import type { RegisteredJob } from '#platform/workflows/registry.ts';
import { createTemporalClient } from '#platform/workflows/temporal/client.ts';
import { createTemporalJobDriver } from '#platform/workflows/temporal/driver.ts';
import { startTemporalWorker } from '#platform/workflows/temporal/worker.ts';
import { RECORDINGS } from './recordings.ts';

const ROOT = join(import.meta.dirname, '../../..');
const FIXTURES = join(ROOT, 'test/fixtures/temporal');

const folder = mkdtempSync(join(tmpdir(), 'flexprice-record-'));
const temporal = await startTemporal({ dataDir: folder });
mkdirSync(FIXTURES, { recursive: true });
try {
  for (const [index, { workflows, jobs, app, runs }] of RECORDINGS.entries()) {
    const config = { ...loadConfig({ env: {}, file: '/dev/null' }).temporal, address: temporal.address, task_queue: `record-${index}` };
    const worker = await startTemporalWorker({
      config,
      jobs: jobs as readonly RegisteredJob<unknown>[],
      app,
      logger: silentLogger,
      workflows: { path: join(ROOT, workflows) },
    });
    const client = await createTemporalClient(config);
    const driver = createTemporalJobDriver(config, jobs as readonly RegisteredJob<unknown>[]);
    for (const { job, name, input } of runs) {
      const workflowId = `${job}-${name}`;
      await driver.start(job, workflowId, input);
      // Of a chain of runs the first one: it is the one that begins with the job's input.
      const description = await client.workflow.getHandle(workflowId).describe();
      const firstRun = description.raw.workflowExecutionInfo?.firstRunId ?? description.runId;
      await driver.result(workflowId).catch((error: Error) => console.log(`${workflowId} fails, as recorded: ${error.message}`));
      const history = await client.workflow.getHandle(workflowId, firstRun).fetchHistory();
      writeFileSync(
        join(FIXTURES, `${workflowId}.json`),
        `${JSON.stringify(JSON.parse(historyToJSON(history), withoutMachine), null, 1)}\n`,
      );
      console.log(`${workflowId}: ${history.events?.length} events`);
    }
    await driver.close();
    await client.connection.close();
    await worker.stop();
  }
} finally {
  await temporal.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** What differs from machine to machine and decides nothing in a replay. */
function withoutMachine(key: string, value: unknown): unknown {
  if (key === 'identity' || key === 'buildId') return 'recorded';
  if (key === 'stackTrace') return undefined;
  return typeof value === 'string' && /^\d+@.*-[0-9a-f]{32}$/.test(value) ? 'sticky' : value;
}
