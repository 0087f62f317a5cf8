import pg from 'pg';
import type { Config } from '#platform/config/schema.ts';

/**
 * Makes what migrations need and cannot make themselves, on a server that we have the superuser of: the two login roles
 * with the passwords of the configuration, and the database. Idempotent.
 *
 * The migrator owns the database and may create roles. The application's role owns nothing and inherits nothing:
 * what it may do is granted to it by migrations.
 */
export async function bootstrapDatabase(superuser: pg.ClientConfig, { postgres }: Pick<Config, 'postgres'>): Promise<void> {
  if (postgres.migrator_password === undefined || postgres.password === undefined)
    throw new Error('The roles of the database need passwords');
  const client = new pg.Client(superuser);
  await client.connect();
  try {
    // A failing statement is logged with its text, and these hold passwords.
    await client.query('SET log_min_error_statement = panic');
    // Roles belong to the cluster, so processes that make databases at the same time meet here.
    await client.query("SELECT pg_advisory_lock(hashtext('flexprice.bootstrap'))");
    await role(client, postgres.migrator_user, postgres.migrator_password, 'LOGIN CREATEROLE INHERIT');
    await role(client, postgres.user, postgres.password, 'LOGIN NOINHERIT NOCREATEROLE NOCREATEDB');
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [postgres.database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${quoted(postgres.database)} OWNER ${quoted(postgres.migrator_user)}`);
  } finally {
    await client.end();
  }
}

async function role(client: pg.Client, name: string, password: string, attributes: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
  await client.query(`${verb} ROLE ${quoted(name)} WITH ${attributes} NOSUPERUSER NOBYPASSRLS PASSWORD ${client.escapeLiteral(password)}`);
}

function quoted(name: string): string {
  return pg.escapeIdentifier(name);
}
