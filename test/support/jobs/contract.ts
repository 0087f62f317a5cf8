import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DomainError, invalid } from '#kernel/errors.ts';
import { type JobDriver, JobFailedError } from '#platform/workflows/job.ts';
import type { Schedule } from '#platform/workflows/schedules.ts';
import { type RecordedActivities, recordedActivities } from './recorded-activities.ts';

/** A driver with whatever runs its jobs. */
export interface JobHost {
  readonly driver: JobDriver;
  stop(): Promise<void>;
}
export interface HostOptions {
  readonly schedules?: readonly Schedule[];
  readonly onJobFailed?: () => void;
}
export type StartHost = (activities: RecordedActivities, options?: HostOptions) => Promise<JobHost>;

const WAIT = { timeout: 20_000, interval: 20 };

/** What every job driver does. Runs inside a `describe`. */
export function jobDriverContract(startHost: StartHost): void {
  const activities = recordedActivities();
  let host: JobHost;
  let driver: JobDriver;
  let failed = 0;
  beforeAll(async () => {
    host = await startHost(activities, {
      onJobFailed: () => {
        failed += 1;
      },
    });
    driver = host.driver;
  });
  afterAll(() => host.stop());

  /** Each test has runs of its own. */
  const newRun = () => `run-${randomUUID()}`;
  const callsOf = (run: string) => activities.calls.filter((call) => call.startsWith(`${run}/`)).map((call) => call.slice(run.length + 1));
  const failure = async (run: string): Promise<JobFailedError> => {
    const error: unknown = await driver.result(run).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(JobFailedError);
    return error as JobFailedError;
  };

  test('a job runs its activities in order and answers its result', async () => {
    const run = newRun();
    expect(await driver.start('sample-two-steps', run, { run })).toEqual({ started: true });
    expect(await driver.result(run)).toEqual({ steps: ['first', 'second'] });
    expect(callsOf(run)).toEqual(['first', 'second']);
  });

  test('an activity that fails is repeated, and only it', async () => {
    const run = newRun();
    activities.failNext(`${run}/second`, new Error('once'), new Error('twice'));
    await driver.start('sample-two-steps', run, { run });
    expect(await driver.result(run)).toEqual({ steps: ['first', 'second'] });
    expect(callsOf(run)).toEqual(['first', 'second', 'second', 'second']);
  });

  test('after its last attempt the job fails with the reason, and may be started again', async () => {
    const run = newRun();
    activities.failNext(`${run}/first`, new Error('one'), new Error('two'), new Error('three'));
    await driver.start('sample-two-steps', run, { run });
    expect(await failure(run)).toMatchObject({ workflowId: run, code: 'internal_error', message: 'three' });
    expect(callsOf(run)).toEqual(['first', 'first', 'first']);

    expect(await driver.start('sample-two-steps', run, { run })).toEqual({ started: true });
    expect(await driver.result(run)).toEqual({ steps: ['first', 'second'] });
  });

  test('what a retry cannot mend is not repeated', async () => {
    const run = newRun();
    activities.failNext(`${run}/first`, invalid('currency', 'is foreign'));
    await driver.start('sample-two-steps', run, { run });
    expect(await failure(run)).toMatchObject({ code: 'validation_error', message: 'currency: is foreign' });
    expect(callsOf(run)).toEqual(['first']);
  });

  test('a conflict with another writer is repeated', async () => {
    const run = newRun();
    activities.failNext(`${run}/first`, new DomainError('version_conflict', 'changed meanwhile'));
    await driver.start('sample-two-steps', run, { run });
    await driver.result(run);
    expect(callsOf(run)).toEqual(['first', 'first', 'second']);
  });

  test('an id that runs or has completed is not started again', async () => {
    const run = newRun();
    const release = activities.hold(`${run}/first`);
    const starts = await Promise.all(Array.from({ length: 5 }, () => driver.start('sample-two-steps', run, { run })));
    expect(starts.filter(({ started }) => started)).toHaveLength(1);
    await expect.poll(() => callsOf(run), WAIT).toEqual(['first']);
    expect(await driver.start('sample-two-steps', run, { run })).toEqual({ started: false });
    release();
    await driver.result(run);
    expect(await driver.start('sample-two-steps', run, { run })).toEqual({ started: false });
    expect(callsOf(run)).toEqual(['first', 'second']);
  });

  test('a job may catch the failure of an activity and go on', async () => {
    const run = newRun();
    activities.failNext(`${run}/first`, invalid('plan', 'is archived'));
    await driver.start('sample-tolerant', run, { run });
    expect(await driver.result(run)).toEqual({ code: 'validation_error', message: 'plan: is archived' });
  });

  test('a job that continues with another input ends after its last round', async () => {
    const run = newRun();
    await driver.start('sample-rounds', run, { run, left: 3 });
    expect(await driver.result(run)).toEqual({ left: 0 });
    expect(callsOf(run)).toEqual(['round 3', 'round 2', 'round 1']);
    expect(await driver.start('sample-rounds', run, { run, left: 3 })).toEqual({ started: false });
  });

  test('a job that throws by itself fails', async () => {
    const run = newRun();
    await driver.start('sample-broken', run, { run });
    expect(await failure(run)).toMatchObject({ code: 'internal_error', message: 'the plan has no prices' });
  });

  test('each job that failed for good is told once, and no other', async () => {
    const [broken, rounds, tolerant] = [newRun(), newRun(), newRun()];
    const before = failed;
    activities.failNext(`${tolerant}/first`, invalid('plan', 'is archived'));
    await driver.start('sample-tolerant', tolerant, { run: tolerant });
    await driver.start('sample-rounds', rounds, { run: rounds, left: 3 });
    await Promise.all([driver.result(tolerant), driver.result(rounds)]);
    await driver.start('sample-broken', broken, { run: broken });
    await failure(broken);
    await expect.poll(() => failed - before, WAIT).toBe(1);
  });

  test('unknown ids and jobs are refused', async () => {
    await expect(driver.result(newRun())).rejects.toMatchObject({ code: 'not_found' });
    await expect(driver.start('no-such-job', newRun(), {})).rejects.toThrow('no-such-job');
  });

  test('a schedule starts again and again, but never while its previous run is going', async () => {
    const [slow, quick] = [newRun(), newRun()];
    const release = activities.hold(`${slow}/first`);
    const scheduled = await startHost(activities, {
      schedules: [
        { id: `slow-${slow}`, job: 'sample-two-steps', everySeconds: 1, input: { run: slow } },
        { id: `quick-${quick}`, job: 'sample-two-steps', everySeconds: 1, input: { run: quick } },
      ],
    });
    try {
      // The quick one measures the time: it has come round three times since the slow one began.
      await expect.poll(() => callsOf(slow), WAIT).toEqual(['first']);
      const begun = callsOf(quick).length;
      await expect.poll(() => callsOf(quick).length - begun, WAIT).toBeGreaterThanOrEqual(6);
      expect(callsOf(slow)).toEqual(['first']);
      release();
      await expect.poll(() => callsOf(slow).slice(0, 4), WAIT).toEqual(['first', 'second', 'first', 'second']);
    } finally {
      release();
      await scheduled.stop();
    }
  });
}
