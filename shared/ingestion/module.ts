import type { Engines } from '#module/engines.ts';
import { lazy } from '#module/lazy.ts';
import { defineModule } from '#module/declaration.ts';
import { createOverflow } from '#platform/event-log/create-overflow.ts';
import { entities } from './permissions.ts';
import { ingestionJobs } from './jobs/jobs.ts';
import { createIngestionActivities } from './service/activities.ts';
import { createBacklog } from './service/backlog.ts';
import { createDeadLetterService } from './service/dead-letters.ts';
import { createDelivery } from './service/delivery.ts';
import { createEventAccounts } from './service/event-accounts.ts';
import { createInFlight } from './service/in-flight.ts';
import { createIngestService, type IngestService } from './service/ingest.ts';
import { createMonitoringService } from './service/monitoring.ts';
import { createQuotas } from './service/quotas.ts';
import { createReprocessService } from './service/reprocess.ts';

/** The way of an event into the store, and the account of what became of it. */
export const ingestion = defineModule({
  name: 'ingestion',
  entities,
  build: (app: Engines) => {
    const eventLog = () => app.eventLog;
    const inFlight = lazy(() => createInFlight(eventLog));
    const overflow = lazy(async () => app.opened(await createOverflow(app.config)));
    const reprocess = lazy(() =>
      createReprocessService({ clickhouse: () => app.clickhouse, eventLog, database: app.database, clock: app.clock }),
    );
    return {
      /** A promise, as the event log is one. */
      ingest: async (): Promise<IngestService> =>
        createIngestService({
          eventLog: await app.eventLog,
          overflow: await overflow(),
          quotas: createQuotas(app),
          clock: app.clock,
          config: app.config,
          metrics: app.metrics,
        }),
      inFlight,
      delivery: () => createDelivery({ overflow, backlog: createBacklog({ inFlight: inFlight(), eventLog }).look, clock: app.clock }),
      eventAccounts: () => createEventAccounts(app.clickhouse),
      monitoring: () => createMonitoringService({ clickhouse: app.clickhouse, clock: app.clock, inFlight: inFlight() }),
      deadLetters: () => createDeadLetterService({ eventLog, database: app.database, clock: app.clock }),
      reprocess,
      ingestionActivities: () => createIngestionActivities(reprocess),
    };
  },
  routes: (app) => [
    { prefix: '/v1/events', part: 'ingest', load: async () => (await import('./routes/ingest.ts')).ingestRoutes(await app().ingest) },
    { prefix: '/v1/events', load: async () => (await import('./routes/dead-letters.ts')).deadLetterRoutes(app().deadLetters) },
    { prefix: '/v1/events', load: async () => (await import('./routes/reprocess.ts')).reprocessRoutes(app().reprocess) },
    { prefix: '/v1/events', load: async () => (await import('./routes/monitoring.ts')).monitoringRoutes(() => app().monitoring) },
  ],
  jobs: ingestionJobs,
});
