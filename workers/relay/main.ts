import { createApp } from '#app/create-app.ts';
import { runChild } from '../child.ts';
import { loadJobConfig } from '#platform/config/runtime.ts';
import { fieldLogger } from '#platform/observability/field-logger.ts';
import { createLogger } from '#platform/observability/logger.ts';
import { createMetrics, flushEvery } from '#platform/observability/metrics.ts';
import { startRelayProcess } from './run.ts';

// The process of FLEXPRICE_DEPLOYMENT_MODE=relay.
runChild(async () => {
  const config = await loadJobConfig();
  const logger = createLogger(config, 'relay');
  const metrics = await createMetrics(config, 'relay');
  const flushing = flushEvery(metrics);
  const app = createApp(config, { logger: fieldLogger(logger), metrics });
  const relay = await startRelayProcess({ app, logger: fieldLogger(logger) });
  logger.info('relay ready');
  return {
    healthFile: config.deployment.health_file,
    stop: async () => {
      await relay.stop();
      await app.close();
      flushing.stop();
    },
  };
});
