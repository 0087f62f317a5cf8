import type { ClickHouseSettings } from '@clickhouse/client';
import type { RequestContext } from '#kernel/context.ts';
import type { ClickHouse } from './client.ts';

/** Tables whose rows belong to tenants. A test compares them with what the migrations made. */
export const TENANT_TABLES = ['events', 'event_ids', 'event_duplicates', 'event_packs', 'event_rejections', 'audit_log'] as const;

const OWN_SETTINGS = /\bSETTINGS\s+\w+\s*=/i;

/** Reads for one environment: whatever a statement asks for, the engine gives it no row of anybody else's. */
export type TenantReads = Pick<ClickHouse, 'query'>;

/**
 * The second fence: the engine itself adds the owner's condition to every tenant table of a statement, wherever it stands in it. Statements
 * say the condition as well, because it is what the primary key is searched by; one that forgot it would find nothing of others.
 */
export function ofTenant(clickhouse: TenantReads, ctx: Pick<RequestContext, 'tenantId' | 'environmentId'>): TenantReads {
  const condition = `tenant_id = ${literal(ctx.tenantId)} AND environment_id = ${literal(ctx.environmentId)}`;
  const filters = `{${TENANT_TABLES.map((table) => `${literal(table)}:${literal(condition)}`).join(',')}}`;
  // Sent as the text of a map, as every setting is sent; the client's type knows maps of its own only.
  const fence = { additional_table_filters: filters } as unknown as ClickHouseSettings;
  return {
    query: async (sql, parameters, settings = {}) => {
      // Those of a statement win over those beside it.
      if (OWN_SETTINGS.test(sql)) throw new Error('a statement about a tenant has no settings of its own: they stand beside it');
      return clickhouse.query(sql, parameters, { ...settings, ...fence });
    },
  };
}

/** A text as ClickHouse reads it back. Settings take no parameters. */
function literal(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
