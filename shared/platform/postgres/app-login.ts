import pg from 'pg';
import type { Config } from '../config/schema.ts';
import { connectionOptions } from './database.ts';

/**
 * Gives the application's role its password, as the migrator that created it. A role that can log in already is left alone:
 * whoever provisioned it knows its password. Does nothing without `postgres.password`.
 * @returns whether the role was changed
 */
export async function grantAppLogin({ postgres }: Pick<Config, 'postgres'>): Promise<boolean> {
  if (postgres.password === undefined) return false;
  const client = new pg.Client(connectionOptions({ ...postgres, user: postgres.migrator_user, password: postgres.migrator_password }));
  await client.connect();
  try {
    const { rows } = await client.query<{ rolcanlogin: boolean }>('select rolcanlogin from pg_roles where rolname = $1', [postgres.user]);
    if (rows[0]?.rolcanlogin !== false) return false;
    await client.query(`alter role ${pg.escapeIdentifier(postgres.user)} with login password ${client.escapeLiteral(postgres.password)}`);
    return true;
  } finally {
    await client.end();
  }
}
