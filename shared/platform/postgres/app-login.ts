import pg from 'pg';
import type { Config } from '../config/schema.ts';
import { migratorOptions } from './connection.ts';

/** Members of it log in to RDS with IAM tokens, and with nothing else. */
const IAM_ROLE = 'rds_iam';

/**
 * Lets the application's role log in, as the migrator that created it: with IAM tokens where `postgres.auth` says so, else with `postgres.password`.
 * A role that can log in already keeps its password: whoever provisioned it knows it. Does nothing when neither is configured.
 * @returns whether the role was changed
 */
export async function grantAppLogin({ postgres }: Pick<Config, 'postgres'>): Promise<boolean> {
  const { auth, user, password } = postgres;
  if (auth === 'password' && password === undefined) return false;
  const client = new pg.Client(await migratorOptions(postgres));
  await client.connect();
  try {
    const {
      rows: [role],
    } = await client.query<{ login: boolean; iam: boolean }>(
      `select rolcanlogin as login, exists (select from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid and g.rolname = $2) as iam
       from pg_roles r where rolname = $1`,
      [user, IAM_ROLE],
    );
    if (role === undefined || (auth === 'iam' ? role.login && role.iam : role.login)) return false;
    const name = pg.escapeIdentifier(user);
    if (auth === 'iam') await client.query(`alter role ${name} with login; grant ${IAM_ROLE} to ${name}`);
    else await client.query(`alter role ${name} with login password ${client.escapeLiteral(password ?? '')}`);
    return true;
  } finally {
    await client.end();
  }
}
