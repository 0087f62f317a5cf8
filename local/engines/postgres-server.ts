import pg from 'pg';
import { StartError } from '../start-error.ts';
import { GoingDown, until } from './process.ts';

/** Where a Postgres listens, and how its superuser gets in. */
export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  readonly superuser: string;
  readonly password: string;
}

const READY_MS = 60_000;
const ANSWER_MS = 3_000;

/** Options for `pg` to connect as the superuser. */
export function superuserConnection({ host, port, superuser, password }: PostgresServer, database = 'postgres'): pg.ClientConfig {
  return { host, port, user: superuser, password, database };
}

/**
 * Resolves when the server takes a new connection, or refuses it for a reason that passes (it recovers, or is full).
 * Rejects with GoingDown after a SIGTERM: such a server waits for those who are connected, which our pools are for ever.
 */
export async function probePostgres(server: PostgresServer): Promise<void> {
  try {
    await selectOne(server);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    if (error.code === '57P03' && error.message.includes('shutting down')) throw new GoingDown(error.message);
  }
}

/** Waits until a server that has just been started answers. Rejects when it has ended, or does not answer within a minute. */
export async function untilReady(server: PostgresServer, exited: Promise<number>, logFile: string | undefined): Promise<void> {
  let code: number | undefined;
  void exited.then((value) => {
    code = value;
  });
  let last: unknown;
  const answered = await until(async () => {
    if (code !== undefined)
      throw new Error(
        `The embedded Postgres ended with code ${code} before it was ready${logFile === undefined ? '' : `: see ${logFile}`}`,
      );
    try {
      await selectOne(server);
      return true;
    } catch (error) {
      last = error;
      // The passwords of a cluster are kept beside it; without them nobody gets in.
      if ((error as { code?: string }).code === '28P01')
        throw new StartError(
          'The embedded Postgres does not take the password in credentials.json: the file does not belong to this data directory. `npm run reset` starts afresh.',
        );
      return false;
    }
  }, READY_MS);
  if (!answered) throw new Error(`The embedded Postgres did not answer within a minute: ${(last as Error).message}`);
}

async function selectOne(server: PostgresServer): Promise<void> {
  const client = new pg.Client({ ...superuserConnection(server), connectionTimeoutMillis: ANSWER_MS, query_timeout: ANSWER_MS });
  // A connection that is cut between two steps fails the next one.
  client.on('error', () => undefined);
  await client.connect();
  await client.query('SELECT 1').finally(() => client.end());
}
