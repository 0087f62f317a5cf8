import type { Engines } from '#module/engines.ts';
import { lazy } from '#module/lazy.ts';
import { defineModule } from '#module/declaration.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { UsageService } from '#metering/service/usage.ts';
import { counterJobs } from './jobs/jobs.ts';
import { createCounterActivities } from './service/activities.ts';
import { startCounterConsumer } from './service/counter-consumer.ts';
import { createCounterService } from './service/counters.ts';

interface Needs extends Engines {
  readonly meters: MeterService;
  readonly usage: UsageService;
}

/** Usage that is kept, so that limits are told without counting. */
export const counters = defineModule({
  name: 'counters',
  build: (app: Needs) => {
    const counters = lazy(() =>
      createCounterService({
        database: app.database,
        clock: app.clock,
        meters: app.meters,
        readUsage: (ctx, requests) => app.usage.meterUsages(ctx, requests),
        staleSeconds: app.config.counters.stale_seconds,
      }),
    );
    return { counters, counterActivities: () => createCounterActivities(counters) };
  },
  jobs: counterJobs,
  schedules: ({ counters: { reconcile_seconds } }) => [
    { id: 'usage-counters', job: 'reconcile-counters', everySeconds: reconcile_seconds, input: {} },
  ],
  consumers: (app) => [(process) => startCounterConsumer({ ...process, counters: app.counters, clock: app.clock })],
});
