import { type App, createApp } from '#app/create-app.ts';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { runChild } from '#workers/child.ts';
import { startGateway } from '#local/gateway.ts';
import { createIngestService, type IngestDependencies, type IngestService } from '#ingestion/service/ingest.ts';
import { loadRuntimeConfig } from '#platform/config/runtime.ts';
import type { EventLog } from '#platform/event-log/event-log.ts';
import { createOverflow } from '#platform/event-log/create-overflow.ts';

/** The gateway process of Local Mode with some parts of its app replaced, to see that the harness notices. */
export function runMutantApi(mutation: (app: App) => Promise<Partial<App>> | Partial<App>): void {
  runChild(async () => {
    const app = createApp(await loadRuntimeConfig());
    const parts = Object.entries(await mutation(app)).map(([name, value]) => [name, { value }] as const);
    const mutant = Object.create(app, Object.fromEntries(parts)) as App;
    const { host, port = 8080 } = app.config.server;
    const gateway = await startGateway(
      { ingest: createIngestHandler(mutant), management: createManagementHandler(mutant) },
      { host, port },
    );
    return {
      ready: { port: gateway.port },
      stop: async () => {
        await gateway.close();
        await app.close();
      },
    };
  });
}

/** The ingest service over a changed way into the log. */
export async function mutantIngest(
  app: App,
  change: (log: EventLog) => Pick<IngestDependencies, 'eventLog'> & Partial<IngestDependencies>,
): Promise<IngestService> {
  const overflow = await createOverflow(app.config);
  return createIngestService({ overflow, clock: app.clock, config: app.config, ...change(await app.eventLog) });
}
