// A process that runs the local driver, starts a job, and hangs in its second step until it is killed.
import { systemClock } from '#kernel/clock.ts';
import type { Config } from '#platform/config/schema.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { createDatabase } from '#platform/postgres/database.ts';
import { createLocalJobDriver } from '#platform/workflows/local/driver.ts';
import { SAMPLE_JOBS, type SampleActivities } from './sample-jobs.ts';

process.on('message', ({ postgres, run, leaseMs }: { postgres: Config['postgres']; run: string; leaseMs: number }) => {
  const app: SampleActivities = {
    step: ({ name }) => {
      process.send?.(name);
      return name === 'second' ? new Promise(() => undefined) : Promise.resolve({ done: name });
    },
  };
  const driver = createLocalJobDriver({
    app,
    database: createDatabase(postgres),
    clock: systemClock,
    logger: silentLogger,
    jobs: SAMPLE_JOBS,
    leaseMs,
    pollMs: 50,
  });
  void driver.start('sample-two-steps', run, { run });
});
process.on('disconnect', () => process.exit(1));
