import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '#local/engines/bootstrap-database.ts';
import { INVOICE_NUMBERS } from '#numbering/domain.ts';
import { nextNumber } from '#numbering/service.ts';
import { migratePostgres } from '#platform/postgres/migrate.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { utc } from '../support/billing-api.ts';
import { superuser } from '../support/engines.ts';

/** What the release before sends. */
const OLD_NEXT = `insert into invoice_sequences (year_month, last_value) values ($1, 1)
  on conflict (tenant_id, environment_id, year_month) do update set last_value = invoice_sequences.last_value + 1 returning last_value`;
const TIME = utc('2026-03-10T12:00:00');

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const take = (scope: 'invoice' | 'receipt', format = INVOICE_NUMBERS) =>
  api.app.database.withTenant(api.ctx, (tx) => nextNumber(tx, scope, format, TIME));

describe('numbers', () => {
  test('count per scope and pattern, from the configured start, without holes when a transaction rolls back', async () => {
    expect(await take('receipt')).toBe('INV-202603-00001');
    await expect(
      api.app.database.withTenant(api.ctx, async (tx) => {
        expect(await nextNumber(tx, 'receipt', INVOICE_NUMBERS, TIME)).toBe('INV-202603-00002');
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect(await take('receipt')).toBe('INV-202603-00002');
    expect(await take('receipt', { ...INVOICE_NUMBERS, prefix: 'R', datePart: 'YYYY', start: 100 })).toBe('R-2026-00100');
    expect(await take('receipt', { ...INVOICE_NUMBERS, prefix: 'R', datePart: 'YYYY', start: 100 })).toBe('R-2026-00101');
    expect(await take('invoice')).toBe('INV-202603-00001');
  });

  test('of many at once each is another one, and none is missing', async () => {
    const format = { ...INVOICE_NUMBERS, datePart: 'YY' } as const;
    const numbers = await Promise.all(Array.from({ length: 30 }, () => take('receipt', format)));
    expect(numbers.sort()).toEqual(Array.from({ length: 30 }, (_, index) => `INV-26-${String(index + 1).padStart(5, '0')}`));
  });
});

test('numbers go on over the migration, and the release before takes from the same sequence', async () => {
  const name = 'migrated_numbers';
  const config = { ...api.config, postgres: { ...api.config.postgres, database: name } };
  const migrations = join(import.meta.dirname, '../../migrations/postgres');
  const before = await mkdtemp(join(tmpdir(), 'migrations-'));
  for (const file of await readdir(migrations))
    if (file < '0024_number_sequences.sql') await cp(join(migrations, file), join(before, 'postgres', file));
  await bootstrapDatabase(superuser(), config);
  const client = new pg.Client(superuser(name));
  try {
    process.env.FLEXPRICE_BUILD_MIGRATIONS = before;
    await migratePostgres(config).finally(() => delete process.env.FLEXPRICE_BUILD_MIGRATIONS);
    await client.connect();
    for (const [setting, value] of Object.entries({ tenant_id: 't1', environment_id: 'e1', actor_id: 'test' }))
      await client.query('select set_config($1, $2, false)', [`app.${setting}`, value]);
    await client.query(`insert into tenants (id, name, created_at, updated_at) values ('t1', 'Old', now(), now())`);
    await client.query(
      `insert into environments (id, name, type, created_at, updated_at) values ('e1', 'production', 'production', now(), now())`,
    );
    const oldNext = async (month: string) => (await client.query(OLD_NEXT, [month])).rows[0].last_value;
    expect([await oldNext('202602'), await oldNext('202602'), await oldNext('202602')]).toEqual([1, 2, 3]);

    await migratePostgres(config);
    await client.query('set role flexprice_app');
    const newNext = async () =>
      Number(
        (
          await client.query(
            `insert into number_sequences (scope, pattern, last_value) values ('invoice', '202602', 1)
             on conflict (tenant_id, environment_id, scope, pattern) do update set last_value = number_sequences.last_value + 1 returning last_value`,
          )
        ).rows[0].last_value,
      );
    expect([await newNext(), await oldNext('202602'), await oldNext('202602'), await newNext()]).toEqual([4, 5, 6, 7]);
    expect([await oldNext('202603'), await oldNext('202603')]).toEqual([1, 2]);
  } finally {
    await client.end();
    await rm(before, { recursive: true });
  }
});
