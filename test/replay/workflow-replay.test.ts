import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { beforeAll, describe, expect, test } from 'vitest';
import { JOBS } from '#app/jobs.ts';
import { type Recording, RECORDINGS } from '#test/support/jobs/recordings.ts';

const ROOT = join(import.meta.dirname, '../..');
const FIXTURES = join(ROOT, 'test/fixtures/temporal');
const logger = new DefaultLogger('ERROR', () => undefined);
Runtime.install({
  logger,
  shutdownSignals: [],
  telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
});

const read = (name: string): string => readFileSync(join(FIXTURES, `${name}.json`), 'utf8');
const recorded = RECORDINGS.flatMap(({ runs }) => runs.map(({ job, name }) => `${job}-${name}`));

test('every job of the product has a history', () => {
  expect([...new Set(RECORDINGS.flatMap(({ runs }) => runs.map(({ job }) => job)))]).toEqual(
    expect.arrayContaining(JOBS.map(({ job }) => job.name)),
  );
});

test('every committed history is of a known recording, and the other way round', () => {
  expect(
    readdirSync(FIXTURES)
      .map((file) => file.replace(/\.json$/, ''))
      .sort(),
  ).toEqual([...recorded].sort());
});

// A workflow that is under way when a new version is deployed is replayed by it: the order of its activities must not change.
describe.each(RECORDINGS as Recording[])('$workflows', ({ workflows, runs }) => {
  let workflowBundle: WorkflowBundleWithSourceMap;
  // Bundling is a test by itself: it fails when a job's module imports something that does I/O.
  beforeAll(async () => {
    workflowBundle = await bundleWorkflowCode({ workflowsPath: join(ROOT, workflows), logger });
  });

  test.each(runs.map(({ job, name }) => `${job}-${name}`))('replays %s', async (name) => {
    await Worker.runReplayHistory({ workflowBundle }, JSON.parse(read(name)), name);
  });

  test('a history of another order of activities is refused', async () => {
    const name = runs.map(({ job, name: run }) => `${job}-${run}`).find((candidate) => read(candidate).includes('ACTIVITY_TASK_SCHEDULED'));
    if (name === undefined) throw new Error('no recording calls an activity');
    const history = JSON.parse(read(name)) as { events: { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[] };
    for (const { activityTaskScheduledEventAttributes: scheduled } of history.events)
      if (scheduled) scheduled.activityType.name += '-renamed';
    await expect(Worker.runReplayHistory({ workflowBundle }, history, name)).rejects.toMatchObject({ name: 'DeterminismViolationError' });
  });
});
