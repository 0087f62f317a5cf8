import { access } from '#access/module.ts';
import { ingestion } from '#ingestion/module.ts';
import type { Config } from '#platform/config/schema.ts';
import { tenancy } from '#tenancy/module.ts';
import { type AppOf, composeApp } from './compose.ts';
import type { EngineOptions } from '#module/engines.ts';
import type { ModuleOf } from '#module/declaration.ts';

const INGEST_MODULES = [access, tenancy, ingestion] as const;

/** What takes events in: who sends them, and the way into the log. */
export type IngestApp = AppOf<typeof INGEST_MODULES>;

/** Only the way into the log is mounted: all else about events is the management's. */
export const ingestModules: readonly ModuleOf<IngestApp>[] = INGEST_MODULES;

export function createIngestApp(config: Config, options?: EngineOptions): IngestApp {
  return composeApp(INGEST_MODULES, config, options);
}
