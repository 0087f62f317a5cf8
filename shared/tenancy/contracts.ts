import * as z from 'zod';
import { listQuery } from '#kernel/pagination.ts';
import { listOf, metadataInput, metadataText, requiredText, text, timeInput, timeText } from '#kernel/wire.ts';

const ROLES = ['super_admin', 'all_writer', 'all_reader', 'event_ingestor', 'event_reader'] as const;

export const TenantResponse = z.object({
  id: z.string(),
  name: z.string(),
  status: z.string(),
  billing_details: z.record(z.string(), z.unknown()).optional(),
  metadata: metadataText.optional(),
  created_at: timeText,
  updated_at: timeText,
});
export const UpdateTenantRequest = z.object({
  name: requiredText.optional(),
  billing_details: z
    .object({
      email: text.optional(),
      help_email: text.optional(),
      phone: text.optional(),
      address: z.record(z.string(), text).optional(),
    })
    .optional(),
  metadata: metadataInput.optional(),
});
export type UpdateTenantRequest = z.output<typeof UpdateTenantRequest>;

/** Tokens of a bucket: so many events per second on average, and so many at once. A batch holds 1000. */
const ingestQuota = z.object({ events_per_second: z.int().min(1).max(10_000_000), burst: z.int().min(1000).max(100_000_000) });
export const IngestTermsRequest = z.object({ lazy: z.boolean().optional(), quota: ingestQuota.nullable().optional() });
export type IngestTermsRequest = z.output<typeof IngestTermsRequest>;
export const IngestTermsResponse = z.object({ tenant_id: z.string(), lazy: z.boolean(), quota: ingestQuota.nullable() });

export const EnvironmentResponse = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  created_at: timeText,
  updated_at: timeText,
});
export const ListEnvironmentsResponse = z.object({
  environments: z.array(EnvironmentResponse),
  total: z.int(),
  offset: z.int(),
  limit: z.int(),
});
export const CreateEnvironmentRequest = z.object({ name: requiredText, type: z.enum(['development', 'production']) });
export type CreateEnvironmentRequest = z.output<typeof CreateEnvironmentRequest>;
export const UpdateEnvironmentRequest = z.object({ name: requiredText.optional(), type: z.enum(['development', 'production']).optional() });
export type UpdateEnvironmentRequest = z.output<typeof UpdateEnvironmentRequest>;
export const EnvironmentListQuery = listQuery({});

export const UserResponse = z.object({
  id: z.string(),
  type: z.string(),
  email: z.string().optional(),
  name: z.string().optional(),
  roles: z.array(z.string()),
  metadata: metadataText.optional(),
  tenant: TenantResponse.optional(),
});

export const CreateApiKeyRequest = z.object({
  name: requiredText,
  type: z.enum(['private_key', 'publishable_key']),
  expires_at: timeInput.optional(),
  service_account_id: text.optional(),
  /** Narrower rights than those of a full private key. */
  roles: z.array(z.enum(ROLES)).min(1).max(ROLES.length).optional(),
  /** Of this key's own, besides that of the tenant. */
  ingest_quota: ingestQuota.optional(),
});
export type CreateApiKeyRequest = z.output<typeof CreateApiKeyRequest>;
export const ApiKeyResponse = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  provider: z.string(),
  display_id: z.string(),
  status: z.string(),
  roles: z.array(z.string()),
  user_id: z.string().optional(),
  expires_at: timeText.optional(),
  last_used_at: timeText.optional(),
  ingest_quota: ingestQuota.optional(),
  created_at: timeText,
  updated_at: timeText,
});
export const CreateApiKeyResponse = z.object({ secret: ApiKeyResponse, api_key: z.string() });
export const ListApiKeysResponse = listOf(ApiKeyResponse);
export const ApiKeyListQuery = listQuery({});

export const RolesResponse = z.object({ roles: z.array(z.object({ id: z.string(), name: z.string(), description: z.string() })) });
