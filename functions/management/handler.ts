import { createManagementHandler } from './create-handler.ts';
import { loadRuntimeConfig } from '#platform/config/runtime.ts';

/** Lambda entry: everything but the ingest of events. */
export const handler = createManagementHandler(loadRuntimeConfig);
