import { fork } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { sql } from 'kysely';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fixedClock, systemClock } from '#kernel/clock.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { createDatabase, type Database, type SystemTransaction } from '#platform/postgres/database.ts';
import { createLocalJobDriver, type LocalJobDriverOptions } from '#platform/workflows/local/driver.ts';
import { jobRuns } from '#platform/workflows/local/job-runs.ts';
import { createTestPostgres, type TestPostgres } from '#test/support/engines.ts';
import { type RecordedActivities, recordedActivities } from '#test/support/jobs/recorded-activities.ts';
import { SAMPLE_JOBS, type SampleActivities } from '#test/support/jobs/sample-jobs.ts';

const WAIT = { timeout: 20_000, interval: 20 };
let postgres: TestPostgres;
let database: Database;
let activities: RecordedActivities;
beforeAll(async () => {
  postgres = await createTestPostgres();
  database = createDatabase(postgres.config);
});
beforeEach(() => {
  activities = recordedActivities();
});
afterAll(async () => {
  await database.close();
  await postgres.drop();
});

const start = (options: Partial<LocalJobDriverOptions<SampleActivities>> = {}) =>
  createLocalJobDriver({ app: activities, database, clock: systemClock, logger: silentLogger, jobs: SAMPLE_JOBS, pollMs: 50, ...options });
const runOf = (id: string) => database.asSystem('test', (tx) => jobRuns.find(tx, id));

test('a run whose process was killed is resumed by another', async () => {
  const child = fork(join(import.meta.dirname, '../support/jobs/hanging-worker.ts'));
  const hung = Promise.withResolvers<void>();
  child.on('message', (step) => {
    if (step === 'second') hung.resolve();
  });
  child.send({ postgres: postgres.config, run: 'killed', leaseMs: 600 });
  await hung.promise;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  expect(await runOf('killed')).toMatchObject({ state: 'running', starts: 1 });

  const driver = start();
  try {
    expect(await driver.start('sample-two-steps', 'killed', { run: 'killed' })).toEqual({ started: false });
    expect(await driver.result('killed')).toEqual({ steps: ['first', 'second'] });
    expect(await runOf('killed')).toMatchObject({ state: 'completed', starts: 2 });
  } finally {
    await driver.close();
  }
});

test('a run that ends every process that takes it up is given up', async () => {
  const clock = fixedClock(DateTime.utc(2026, 1, 1));
  await database.asSystem('test', async (tx) => {
    await jobRuns.add(tx, { workflowId: 'deadly', job: 'sample-two-steps', input: { run: 'deadly' } }, clock.now());
    for (let process = 1; process <= 10; process += 1) {
      await jobRuns.claim(tx, { limit: 1, share: 1 }, { owner: `process ${process}`, until: clock.now() }, clock.now());
    }
  });
  const driver = start({ clock });
  try {
    await expect(driver.result('deadly')).rejects.toThrow('given up');
    expect(activities.calls).toEqual([]);
  } finally {
    await driver.close();
  }
});

test('a lease that is renewed is not taken over, one that has run out is', async () => {
  const now = DateTime.utc(2026, 1, 1);
  await database.asSystem('test', async (tx) => {
    await jobRuns.add(tx, { workflowId: 'leased', job: 'sample-two-steps', input: {} }, now);
    expect(await jobRuns.claim(tx, { limit: 10, share: 10 }, { owner: 'a', until: now.plus({ seconds: 15 }) }, now)).toMatchObject([
      { workflowId: 'leased' },
    ]);
    await jobRuns.renew(tx, { owner: 'a', until: now.plus({ seconds: 25 }) }, ['leased']);
    const at = (seconds: number) =>
      jobRuns.claim(tx, { limit: 10, share: 10 }, { owner: 'b', until: now.plus({ minutes: 5 }) }, now.plus({ seconds }));
    expect(await at(20)).toEqual([]);
    expect(await at(25)).toMatchObject([{ workflowId: 'leased', leaseOwner: 'b' }]);
    // What the former owner still says about it no longer counts.
    await jobRuns.finish(tx, 'a', 'leased', { result: 'late' }, now);
    expect(await jobRuns.find(tx, 'leased')).toMatchObject({ state: 'running', leaseOwner: 'b' });
    await jobRuns.finish(tx, 'b', 'leased', { result: 'in time' }, now);
    expect(await jobRuns.find(tx, 'leased')).toMatchObject({ state: 'completed', result: 'in time' });
  });
});

test('closing finishes the activity in hand and leaves the rest to the next process', async () => {
  const release = activities.hold('handed/first');
  const first = start();
  await first.start('sample-two-steps', 'handed', { run: 'handed' });
  await expect.poll(() => activities.calls, WAIT).toEqual(['handed/first']);
  const closed = first.close();
  release();
  await closed;
  expect(activities.calls).toEqual(['handed/first']);
  expect(await runOf('handed')).toMatchObject({ state: 'pending', starts: 0, leaseOwner: null });

  const second = start();
  try {
    expect(await second.result('handed')).toEqual({ steps: ['first', 'second'] });
    expect(activities.calls).toEqual(['handed/first', 'handed/first', 'handed/second']);
  } finally {
    await second.close();
  }
});

test('no more runs are under way than allowed, and all come to their turn', async () => {
  const runs = ['a', 'b', 'c', 'd', 'e'].map((name) => `bounded-${name}`);
  const releases = runs.map((run) => activities.hold(`${run}/first`));
  const driver = start({ concurrency: 2 });
  try {
    for (const run of runs) await driver.start('sample-two-steps', run, { run });
    await expect.poll(() => activities.calls.length, WAIT).toBe(2);
    const states = await Promise.all(runs.map(async (run) => (await runOf(run))?.state));
    expect(states.filter((state) => state === 'running')).toHaveLength(2);
    expect(states.filter((state) => state === 'pending')).toHaveLength(3);
    for (const release of releases) release();
    expect(await Promise.all(runs.map((run) => driver.result(run)))).toHaveLength(5);
  } finally {
    await driver.close();
  }
});

test('two processes make each start of a schedule once, also after the clock has moved on', async () => {
  const clock = fixedClock(DateTime.fromISO('2026-01-01T00:00:30Z', { zone: 'utc' }));
  const schedules = [{ id: 'minutely', job: 'sample-two-steps', everySeconds: 60, input: { run: 'minutely' } }];
  const drivers = [start({ clock, schedules }), start({ clock, schedules })];
  try {
    const [driver] = drivers;
    await expect
      .poll(() => driver?.result('minutely-2026-01-01T00:00:00Z').catch(() => undefined), WAIT)
      .toEqual({ steps: ['first', 'second'] });
    clock.set(clock.now().plus({ minutes: 3 }));
    await expect
      .poll(() => driver?.result('minutely-2026-01-01T00:03:00Z').catch(() => undefined), WAIT)
      .toEqual({ steps: ['first', 'second'] });
    expect(activities.calls).toHaveLength(4);
  } finally {
    await Promise.all(drivers.map((driver) => driver.close()));
  }
});

test('a run whose end could not be recorded is taken up again, however busy its process is otherwise', async () => {
  const release = activities.hold('busy/first');
  let refusals = 1;
  const flaky: Database = {
    ...database,
    asSystem: (reason, work) =>
      reason === 'job end' && refusals-- > 0 ? Promise.reject(new Error('cut')) : database.asSystem(reason, work),
  };
  const driver = start({ database: flaky, leaseMs: 600 });
  try {
    await driver.start('sample-two-steps', 'unrecorded', { run: 'unrecorded' });
    await expect.poll(() => refusals, WAIT).toBe(0);
    await driver.start('sample-two-steps', 'busy', { run: 'busy' });
    await expect.poll(async () => (await runOf('unrecorded'))?.state, WAIT).toBe('completed');
    expect(await runOf('unrecorded')).toMatchObject({ starts: 2 });
    expect(await runOf('busy')).toMatchObject({ state: 'running', starts: 1 });
    release();
    await driver.result('busy');
  } finally {
    release();
    await driver.close();
  }
});

test('old runs are forgotten: those of schedules after a day, the others after a month', async () => {
  const now = DateTime.utc(2026, 3, 1);
  await database.asSystem('test', async (tx) => {
    for (const [workflowId, scheduleId, days] of [
      ['old-schedule', 's1', 2],
      ['new-schedule', 's2', 0],
      ['old', null, 31],
      ['new', null, 29],
    ] as const) {
      const run = { workflowId, job: 'sample-two-steps', input: {} };
      await (scheduleId === null ? jobRuns.add(tx, run, now) : jobRuns.addScheduled(tx, { ...run, scheduleId }, now));
      await jobRuns.claim(tx, { limit: 1, share: 1 }, { owner: 'test', until: now }, now);
      await jobRuns.finish(tx, 'test', workflowId, { result: null }, now.minus({ days }));
    }
    await jobRuns.prune(tx, { scheduledBefore: now.minus({ days: 1 }), othersBefore: now.minus({ days: 30 }), limit: 100 });
    const left = await tx
      .selectFrom('jobRuns')
      .select('workflowId')
      .where('workflowId', 'in', ['old-schedule', 'new-schedule', 'old', 'new'])
      .orderBy('workflowId')
      .execute();
    expect(left.map((row) => row.workflowId)).toEqual(['new', 'new-schedule']);
  });
});

test('more old runs than are forgotten at once are all forgotten, and schedules start meanwhile', async () => {
  const clock = fixedClock(DateTime.utc(2026, 3, 1));
  const count = async () =>
    database.asSystem('test', async (tx) => {
      const { rows } = await sql<{ left: string }>`select count(*) as left from job_runs where workflow_id like 'forgotten-%'`.execute(tx);
      return Number(rows[0]?.left);
    });
  await database.asSystem('test', (tx) =>
    sql`insert into job_runs (workflow_id, job, input, state, finished_at, created_at)
      select 'forgotten-' || n, 'sample-two-steps', '{}', 'completed', ${clock.now().minus({ days: 40 })}, ${clock.now().minus({ days: 40 })}
      from generate_series(1, 11000) as n`.execute(tx),
  );
  const driver = start({ clock, schedules: [{ id: 'while-forgetting', job: 'sample-two-steps', everySeconds: 60, input: { run: 'x' } }] });
  try {
    await expect.poll(count, WAIT).toBe(0);
    expect(await driver.result('while-forgetting-2026-03-01T00:00:00Z')).toEqual({ steps: ['first', 'second'] });
  } finally {
    await driver.close();
  }
});

describe('tenants take turns', () => {
  const add = (tx: SystemTransaction, workflowId: string, tenantId: string | null, createdAt: DateTime) =>
    jobRuns.add(tx, { workflowId, job: 'sample-two-steps', input: { run: workflowId, ...(tenantId && { tenantId }) } }, createdAt);
  const rolledBack = new Error('rolled back');

  test("runs begin as in a walk round the tenants, the product's own first, none with more than its share", async () => {
    const now = DateTime.utc(2026, 5, 1);
    const waiting = fc.array(fc.record({ tenant: fc.constantFrom('a', 'b', 'c', ''), age: fc.integer({ min: 0, max: 50 }) }), {
      maxLength: 14,
    });
    await fc.assert(
      fc.asyncProperty(
        waiting,
        waiting,
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 4 }),
        async (first, second, limit, share) => {
          const claimed = { first: [] as string[], second: [] as string[] };
          const runsOf = (name: string, list: typeof first) =>
            list.map(({ tenant, age }, index) => ({
              id: `${name}-${String(index).padStart(2, '0')}`,
              tenant,
              at: now.minus({ seconds: age }),
            }));
          const [early, late] = [runsOf('e', first), runsOf('l', second)];
          await database
            .asSystem('test', async (tx) => {
              await sql`delete from job_runs`.execute(tx);
              const claim = async () =>
                (await jobRuns.claim(tx, { limit, share }, { owner: 'me', until: now.plus({ hours: 1 }) }, now)).map(
                  ({ workflowId }) => workflowId,
                );
              for (const { id, tenant, at } of early) await add(tx, id, tenant || null, at);
              claimed.first = await claim();
              for (const { id, tenant, at } of late) await add(tx, id, tenant || null, at);
              claimed.second = await claim();
              throw rolledBack;
            })
            .catch((error: unknown) => {
              if (error !== rolledBack) throw error;
            });

          // One run after the other: of the tenant that has the fewest, the oldest.
          const mine: { id: string; tenant: string }[] = [];
          const walk = (open: typeof early): string[] => {
            const left = [...open].sort((one, other) => one.at.toMillis() - other.at.toMillis() || (one.id < other.id ? -1 : 1));
            const taken: string[] = [];
            while (taken.length < limit) {
              const count = (tenant: string): number => mine.filter((run) => run.tenant === tenant).length;
              const may = left.filter(({ tenant }) => tenant === '' || count(tenant) < share);
              const next =
                may.find(({ tenant }) => tenant === '') ?? may.toSorted((one, other) => count(one.tenant) - count(other.tenant))[0];
              if (next === undefined) return taken;
              left.splice(left.indexOf(next), 1);
              mine.push(next);
              taken.push(next.id);
            }
            return taken;
          };
          const before = walk(early);
          expect(claimed.first.toSorted()).toEqual(before.toSorted());
          expect(claimed.second.toSorted()).toEqual(walk([...early.filter(({ id }) => !before.includes(id)), ...late]).toSorted());
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a tenant with a thousand runs keeps nobody waiting', async () => {
    await database.asSystem('test', (tx) => sql`delete from job_runs`.execute(tx));
    const many = Array.from({ length: 1_000 }, (_, index) => `many-${index}`);
    const now = systemClock.now();
    await database.asSystem('test', async (tx) => {
      for (const id of many) await add(tx, id, 'large', now.minus({ minutes: 5 }));
    });
    const releases = many.slice(0, 4).map((run) => activities.hold(`${run}/first`));
    const driver = start({ concurrency: 4 });
    try {
      await expect.poll(() => activities.calls.length, WAIT).toBe(2);
      await driver.start('sample-two-steps', 'small', { run: 'small', tenantId: 'small' });
      expect(await driver.result('small')).toEqual({ steps: ['first', 'second'] });
      expect(activities.calls.filter((call) => call.startsWith('many'))).toHaveLength(2);
    } finally {
      for (const release of releases) release();
      await database.asSystem('test', (tx) => sql`delete from job_runs where state = 'pending'`.execute(tx));
      await driver.close();
    }
  });
});

test('between two attempts a run gives its slot to others', async () => {
  const retry = Promise.withResolvers<void>();
  let failures = 1;
  const flaky: SampleActivities = {
    step: async (input) => {
      if (input.run === 'flaky' && failures-- > 0) throw new Error('not now');
      return activities.step(input);
    },
  };
  const driver = start({ app: flaky, concurrency: 1, retrySleep: () => retry.promise });
  try {
    await driver.start('sample-two-steps', 'flaky', { run: 'flaky' });
    await expect.poll(() => failures, WAIT).toBe(0);
    await driver.start('sample-two-steps', 'patient', { run: 'patient' });
    expect(await driver.result('patient')).toEqual({ steps: ['first', 'second'] });
    expect((await runOf('flaky'))?.state).toBe('running');
    retry.resolve();
    expect(await driver.result('flaky')).toEqual({ steps: ['first', 'second'] });
  } finally {
    retry.resolve();
    await driver.close();
  }
});

test('runs whose waits end at once take slots again one after the other, and waits of one tenant are no room for another', async () => {
  await database.asSystem('test', (tx) => sql`delete from job_runs`.execute(tx));
  const retry = Promise.withResolvers<void>();
  const failed = new Set<string>();
  let [now, most] = [0, 0];
  const flaky: SampleActivities = {
    step: async (input) => {
      if (input.run.startsWith('away') && !failed.has(input.run)) {
        failed.add(input.run);
        throw new Error('not now');
      }
      now += 1;
      most = Math.max(most, now);
      try {
        return await activities.step(input);
      } finally {
        now -= 1;
      }
    },
  };
  const runs = Array.from({ length: 12 }, (_, index) => `away-${index}`);
  const held = Array.from({ length: 6 }, (_, index) => `held-${index}`);
  const releases = held.map((run) => activities.hold(`${run}/first`));
  const driver = start({ app: flaky, concurrency: 4, retrySleep: () => retry.promise });
  try {
    for (const run of runs) await driver.start('sample-two-steps', run, { run, tenantId: `tenant of ${run}` });
    await expect.poll(() => failed.size, WAIT).toBe(12);
    // Twelve wait: that is room for others, and for each of them no more than its share.
    for (const run of held) await driver.start('sample-two-steps', run, { run, tenantId: 'other' });
    await expect.poll(() => now, WAIT).toBe(2);
    retry.resolve();
    for (const release of releases) release();
    await Promise.all([...runs, ...held].map((run) => driver.result(run)));
    expect(most).toBeLessThanOrEqual(4);
  } finally {
    retry.resolve();
    for (const release of releases) release();
    await driver.close();
  }
});
