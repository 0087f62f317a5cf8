import { loadRuntimeConfig } from '#platform/config/runtime.ts';
import { createIngestHandler } from './create-handler.ts';

/** Lambda entry: events in. */
export const handler = createIngestHandler(loadRuntimeConfig);
