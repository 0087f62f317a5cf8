import { createManagementHandler } from './create-handler.ts';

/** Lambda entry: everything but the ingest of events. */
export const handler = createManagementHandler(async () => (await import('#platform/config/runtime.ts')).loadRuntimeConfig());
