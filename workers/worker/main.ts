import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createApp } from '#app/create-app.ts';
import { runChild } from '../child.ts';
import { loadJobConfig } from '#platform/config/runtime.ts';
import { fieldLogger } from '#platform/observability/field-logger.ts';
import { createLogger, errorFields } from '#platform/observability/logger.ts';
import { createMetrics, flushEvery } from '#platform/observability/metrics.ts';
import { watchClock } from '../clock-check.ts';
import { startWorker } from './run.ts';

// The process of FLEXPRICE_DEPLOYMENT_MODE=worker.
runChild(async () => {
  const config = await loadJobConfig();
  const logger = createLogger(config, 'worker');
  const metrics = await createMetrics(config, 'worker');
  const flushing = flushEvery(metrics);
  const app = createApp(config, { logger: fieldLogger(logger), metrics });
  const giveUp = (message: string): void => {
    logger.critical(message);
    process.exit(1);
  };
  const watching = await watchClock({ database: app.database, clock: app.clock, logger: fieldLogger(logger) }, giveUp);
  const worker = await startWorker({ app, logger: fieldLogger(logger), workflows: workflows() });
  worker.broken.catch((error: unknown) => {
    logger.critical('the worker cannot go on', errorFields(error));
    process.exit(1);
  });
  logger.info('worker ready', { jobs: config.temporal.address === undefined ? 'in process' : 'temporal' });
  return {
    healthFile: config.deployment.health_file,
    stop: async () => {
      await watching.stop();
      await worker.stop();
      await app.close();
      flushing.stop();
    },
  };
});

/** The build lays the bundled workflows beside this file; from the sources they are bundled at the start. */
function workflows(): { readonly path: string } | { readonly bundle: string } {
  const bundle = join(import.meta.dirname, 'workflow-bundle.js');
  return existsSync(bundle) ? { bundle } : { path: join(import.meta.dirname, '../temporal/workflows.ts') };
}
