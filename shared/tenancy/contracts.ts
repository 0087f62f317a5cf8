import * as z from 'zod';
import { ROLES } from '#access/domain/roles.ts';
import { recordOf } from '#kernel/records.ts';
import { furtherPagination, listOf, metadataInput, metadataText, requiredText, text, timeInput, timeText } from '#kernel/wire.ts';
import { listing } from '#platform/resource/listing.ts';

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
      address: recordOf(z.string(), text).optional(),
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
  ...furtherPagination,
});
export const CreateEnvironmentRequest = z.object({ name: requiredText, type: z.enum(['development', 'production']) });
export type CreateEnvironmentRequest = z.output<typeof CreateEnvironmentRequest>;
export const UpdateEnvironmentRequest = z.object({ name: requiredText.optional(), type: z.enum(['development', 'production']).optional() });
export type UpdateEnvironmentRequest = z.output<typeof UpdateEnvironmentRequest>;
export const EnvironmentList = listing('environments', { filters: {}, fields: { name: 'string', type: 'string' }, unasked: 'existing' });

export const UserResponse = z.object({
  id: z.string(),
  type: z.string(),
  email: z.string().optional(),
  name: z.string().optional(),
  roles: z.array(z.string()),
  metadata: metadataText.optional(),
  tenant: TenantResponse.optional(),
});

/** Strict: a wish for fewer rights in a field that is not known here must not make a key with all of them. */
export const CreateApiKeyRequest = z.strictObject({
  name: requiredText,
  type: z.enum(['private_key', 'publishable_key']).meta({
    description: 'A private key is kept on servers. A publishable key may be shown to browsers: it sends events and does nothing else.',
  }),
  expires_at: timeInput.nullish(),
  service_account_id: text
    .nullish()
    .meta({ description: 'The service account that the key stands for; its roles bound those of the key.' }),
  roles: z
    .array(z.enum(ROLES))
    .max(ROLES.length)
    .transform((roles) => [...new Set(roles)])
    .nullish()
    .meta({ description: "Absent: the maker's, or the service account's. An empty list gives no right at all." }),
  ingest_quota: ingestQuota.nullish().meta({ description: "A quota of this key's own, besides that of the tenant." }),
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
export const ApiKeyList = listing('secrets', { filters: {}, fields: { name: 'string', type: 'string' } });
