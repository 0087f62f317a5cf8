import { createApp } from '#app/create-app.ts';
import { runChild } from '../child.ts';
import { loadJobConfig } from '#platform/config/runtime.ts';
import { fieldLogger } from '#platform/observability/field-logger.ts';
import { createLogger } from '#platform/observability/logger.ts';
import { createMetrics, flushEvery } from '#platform/observability/metrics.ts';
import { startConsumer } from './run.ts';

// The process of FLEXPRICE_DEPLOYMENT_MODE=consumer.
runChild(async () => {
  const config = await loadJobConfig();
  const logger = createLogger(config, 'consumer');
  const metrics = await createMetrics(config, 'consumer');
  const flushing = flushEvery(metrics);
  const app = createApp(config, { logger: fieldLogger(logger), metrics });
  const consumer = await startConsumer({ app, logger: fieldLogger(logger) });
  logger.info('consumer ready');
  return {
    healthFile: config.deployment.health_file,
    stop: async () => {
      await consumer.stop();
      await app.close();
      flushing.stop();
    },
  };
});
