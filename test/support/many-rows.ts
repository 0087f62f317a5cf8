import pg from 'pg';
import type { RequestContext } from '#kernel/context.ts';
import { superuser } from './engines.ts';

/** Values of columns that a check of the database, or the product, knows by name. The last ones are rare. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  status: [...Array.from({ length: 19 }, () => 'published'), 'archived'],
  entity_type: ['PLAN', 'SUBSCRIPTION', 'ADDON'],
  feature_type: ['boolean', 'static', 'config'],
  'prices.type': ['FIXED'],
  'features.type': ['boolean', 'static', 'config'],
  'environments.type': ['development', 'production'],
  'secrets.type': ['private_key', 'publishable_key'],
  billing_model: ['FLAT_FEE', 'PACKAGE', 'TIERED'],
  invoice_cadence: ['ADVANCE', 'ARREAR'],
  tier_mode: ['VOLUME', 'SLAB'],
  price_unit_type: ['FIAT', 'CUSTOM'],
  reset_usage: ['BILLING_PERIOD', 'NEVER'],
  aggregation_mode: ['additive'],
  invoice_type: ['SUBSCRIPTION', 'ONE_OFF'],
  invoice_status: [...Array.from({ length: 40 }, () => 'SKIPPED'), 'VOIDED', 'DRAFT'],
  payment_status: ['SUCCEEDED', 'SUCCEEDED', 'PENDING', 'FAILED'],
  subscription_status: ['active', 'active', 'active', 'cancelled', 'trialing'],
  subscription_type: ['standalone', 'standalone', 'parent'],
  computation_state: ['computed'],
  billing_period: ['MONTHLY', 'ANNUAL'],
  billing_cadence: ['RECURRING'],
  billing_cycle: ['anniversary', 'calendar'],
  currency: ['usd', 'usd', 'eur'],
  timezone: ['UTC', 'Europe/Berlin'],
  collection_method: ['send_invoice'],
  payment_behavior: ['default_active'],
  proration_behavior: ['none'],
};
/** Columns that stay empty: a check ties them to others. */
const EMPTY = new Set([
  'features.meter_id',
  'subscriptions.parent_subscription_id',
  'commitment_type',
  'secrets.ingest_events_per_second',
  'secrets.ingest_burst',
]);
/** Columns whose times come after all others. */
const LATE = new Set(['end_date', 'current_period_end', 'period_end', 'valid_until']);

interface Column {
  readonly column_name: string;
  readonly data_type: string;
  readonly is_nullable: 'YES' | 'NO';
}

/**
 * Fills a table with rows of which nine in ten belong to the context, without asking references. Texts and times are spread, every
 * third value that may be missing is. Indexes of lists are made anew, which is faster than to keep them meanwhile.
 */
export async function fillTable(database: string, ctx: RequestContext, table: string, rows: number): Promise<void> {
  const client = new pg.Client(superuser(database));
  await client.connect();
  try {
    const { rows: columns } = await client.query<Column>(
      `select column_name, data_type, is_nullable from information_schema.columns
       where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER' and is_identity = 'NO'`,
      [table],
    );
    const { rows: indexes } = await client.query<{ indexname: string; indexdef: string }>(
      `select indexname, indexdef from pg_indexes where tablename = $1 and indexname like $2`,
      [table, `${table}\\_list\\_%`],
    );
    await client.query(`set session_replication_role = replica; set maintenance_work_mem = '256MB'; set synchronous_commit = off`);
    for (const { indexname } of indexes) await client.query(`drop index ${indexname}`);
    const names = columns.map(({ column_name: name }) => pg.escapeIdentifier(name)).join(', ');
    const values = columns.map((column) => expressionOf(table, column, ctx)).join(', ');
    await client.query(`insert into ${table} (${names}) select ${values} from generate_series(1, ${rows}::bigint) as n`);
    for (const { indexdef } of indexes) await client.query(indexdef);
    await client.query(`vacuum analyze ${table}`);
  } finally {
    await client.end();
  }
}

function expressionOf(table: string, { column_name: name, data_type: type, is_nullable: nullable }: Column, ctx: RequestContext): string {
  const qualified = `${table}.${name}`;
  const literal = pg.escapeLiteral;
  if (name === 'id') return `'row_' || lpad(n::text, 12, '0')`;
  if (name === 'tenant_id') return `case when n % 10 = 0 then 'tenant_other' else ${literal(ctx.tenantId)} end`;
  if (name === 'environment_id') return `case when n % 10 = 0 then 'env_other' else ${literal(ctx.environmentId)} end`;
  if (EMPTY.has(qualified) || EMPTY.has(name)) return 'null';
  const known = VALUES[qualified] ?? VALUES[name];
  const value = known
    ? `(array[${known.map(literal).join(', ')}])[1 + (n / 10) % ${known.length}]`
    : type === 'ARRAY'
      ? `'{}'`
      : type === 'jsonb'
        ? `'{}'::jsonb`
        : type === 'boolean'
          ? 'n % 2 = 0'
          : type.startsWith('timestamp')
            ? `timestamptz '${LATE.has(name) ? 2055 : 2025}-01-01' + ((n * ${name === 'created_at' ? 1 : 7919}) % 1000003) * interval '20 seconds'`
            : type === 'numeric'
              ? '(n * 7919 % 100003) / 100.0'
              : type === 'integer' || type === 'bigint'
                ? '1 + n * 31 % 1009'
                : `${literal(`${name} `)} || (n * 7919 % 1000003)`;
  return nullable === 'YES' && !known ? `case when n % 3 = 1 then null else ${value} end` : value;
}
