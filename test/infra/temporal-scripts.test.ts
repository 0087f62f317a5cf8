import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createTestPostgres, superuser } from '#test/support/engines.ts';
import { CREATE_DATABASES, DATABASE, VISIBILITY_DATABASE } from '../../infra/constructs/temporal-scripts.ts';

// The image that runs the script brings psql along; a machine without it skips.
test.skipIf(spawnSync('psql', ['--version']).status !== 0)(
  'Temporal gets its role and databases from a migrator who is no superuser, and a new password when it changes',
  async () => {
    const database = await createTestPostgres();
    const admin = new pg.Client(superuser());
    await admin.connect();
    const migrator = `temporal_maker_${randomBytes(4).toString('hex')}`;
    const run = (password: string): void => {
      const { host, port } = database.config;
      const env = {
        PATH: process.env.PATH ?? '',
        PGHOST: host ?? '',
        PGPORT: String(port),
        PGDATABASE: database.config.database,
        PGUSER: migrator,
        PGPASSWORD: 'maker',
        TEMPORAL_PASSWORD: password,
      };
      execFileSync('sh', ['-ec', CREATE_DATABASES], { env, stdio: 'pipe' });
    };
    const ownerSeenBy = async (password: string, name: string): Promise<string | undefined> => {
      const client = new pg.Client({ ...superuser(), user: 'temporal', password, database: name });
      await client.connect();
      return client
        .query<{ owner: string }>('select pg_get_userbyid(datdba) as owner from pg_database where datname = current_database()')
        .then(({ rows }) => rows[0]?.owner)
        .finally(() => client.end());
    };
    try {
      await admin.query(`create role ${migrator} login createrole createdb password 'maker'`);
      run("it's $one");
      run('two');
      for (const name of [DATABASE, VISIBILITY_DATABASE]) expect(await ownerSeenBy('two', name)).toBe('temporal');
      await expect(ownerSeenBy("it's $one", DATABASE)).rejects.toThrow(/password authentication failed/);
    } finally {
      for (const name of [DATABASE, VISIBILITY_DATABASE]) await admin.query(`drop database if exists ${name}`);
      await admin.query('drop role if exists temporal');
      await admin.query(`drop role if exists ${migrator}`);
      await admin.end();
      await database.drop();
    }
  },
);
