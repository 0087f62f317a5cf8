import type { App } from '#app';
import type { Config } from '#platform/config/schema.ts';
import { createGatewayFunction } from '../gateway-function.ts';
import { ingestModules } from './modules.ts';

/** The ingest handler over a configuration that is read on the first request, or over a given app. */
export function createIngestHandler(source: (() => Promise<Config>) | App) {
  return createGatewayFunction('ingest', ingestModules, source);
}
