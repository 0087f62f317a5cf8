import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { createTestClickHouse, createTestPostgres } from './engines.ts';

const made: { drop(): Promise<void> }[] = [];
afterAll(() => Promise.all(made.map((database) => database.drop())));

test('every database is migrated and apart from the others, also when asked for at once', async () => {
  const databases = await Promise.all([createTestPostgres(), createTestPostgres(), createTestPostgres()]);
  made.push(...databases);
  expect(new Set(databases.map(({ config }) => config.database)).size).toBe(3);
  for (const {
    config: { host, port, database, user, password },
  } of databases) {
    const client = new pg.Client({ host, port, database, user, password });
    await client.connect();
    const { rows } = await client
      .query("SELECT to_regclass('public.tenants') IS NOT NULL AS migrated, current_database() AS name")
      .finally(() => client.end());
    expect(rows).toEqual([{ migrated: true, name: database }]);
  }
});

test('a dropped database is gone', async () => {
  const {
    config: { host, port, database, user, password },
    drop,
  } = await createTestPostgres();
  await drop();
  await expect(new pg.Client({ host, port, database, user, password }).connect()).rejects.toMatchObject({ code: '3D000' });
});

test('ClickHouse databases are migrated and apart', async () => {
  const [one, two] = await Promise.all([createTestClickHouse(), createTestClickHouse()]);
  made.push(one, two);
  expect(one.database).not.toBe(two.database);
  const tables = await fetch(`${one.url}/?database=${one.database}`, { method: 'POST', body: 'SHOW TABLES' });
  expect((await tables.text()).split('\n')).toContain('events');
});
