import { createIngestHandler } from './create-handler.ts';

/** Lambda entry: events in. */
export const handler = createIngestHandler(async () => (await import('#platform/config/runtime.ts')).loadRuntimeConfig());
