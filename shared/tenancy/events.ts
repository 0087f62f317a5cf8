import * as z from 'zod';
import { defineEvent } from '#platform/resource/events.ts';
import { ApiKeyResponse, EnvironmentResponse, TenantResponse } from './contracts.ts';

/** With how its events are let in, which the operator decides. */
const Tenant = TenantResponse.extend({
  ingest_lazy: z.boolean(),
  ingest_events_per_second: z.int().optional(),
  ingest_burst: z.int().optional(),
});

export const tenantEvents = {
  created: defineEvent('tenant.created', 'tenant', Tenant),
  updated: defineEvent('tenant.updated', 'tenant', Tenant),
};

export const environmentEvents = {
  created: defineEvent('environment.created', 'environment', EnvironmentResponse),
  updated: defineEvent('environment.updated', 'environment', EnvironmentResponse),
};

export const apiKeyEvents = {
  created: defineEvent('api_key.created', 'secret', ApiKeyResponse),
  deleted: defineEvent('api_key.deleted', 'secret', ApiKeyResponse),
};
