import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type pg from 'pg';

/** Statements that prepare a transaction, and whose answers nobody reads. */
const SET_UP = /^(begin$|select set_config\()/;
const END = /^(commit|rollback)$/;
const NOTHING: PostgresQueryResult<never> = { command: 'SELECT', rowCount: 0, rows: [] };

/** The server never got to `begin`: nothing at all has happened. `cause` says why. */
export class NotBegun extends Error {
  constructor(cause: unknown) {
    super('the transaction did not begin', { cause });
  }
}

/**
 * A pool whose transactions take a round trip less for `begin` and for each setting before the first statement: these are held back and sent
 * together with it, in this order and without waiting between (pg's `pipeline`, which the pool has to have been opened with). When one of
 * them fails, the first statement fails with that error, as it would have anyway: within a transaction Postgres refuses what follows.
 * A transaction without a statement is never sent. Throws NotBegun from the first statement when `begin` did not come through.
 */
export function pipelinedPool(pool: pg.Pool): PostgresPool {
  // Kysely keeps what it knows of a connection by the object that it got.
  const clients = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  return {
    connect: async () => {
      const client = await pool.connect();
      const known = clients.get(client) ?? holdingBack(client);
      clients.set(client, known);
      return known;
    },
    end: () => pool.end(),
  };
}

function holdingBack(client: pg.PoolClient): PostgresPoolClient {
  let held: { readonly text: string; readonly values: unknown[] }[] = [];
  let isBegun = false;

  const send = async (text: string, values: unknown[]): Promise<pg.QueryResult> => {
    const [before, begins] = [held, held[0]?.text === 'begin'];
    held = [];
    const answers = [...before, { text, values }].map((statement) => client.query(statement.text, statement.values));
    // All of them fail together when the connection breaks; the first error tells why.
    for (const answer of answers) answer.catch(() => undefined);
    if (begins) {
      isBegun = false;
      await (answers[0] as Promise<unknown>).catch((cause: unknown) => {
        throw new NotBegun(cause);
      });
      isBegun = true;
    }
    for (const answer of answers.slice(0, -1)) await answer;
    return answers.at(-1) as Promise<pg.QueryResult>;
  };

  const query = async (text: string, values: readonly unknown[] = []): Promise<unknown> => {
    if (SET_UP.test(text)) {
      held.push({ text, values: [...values] });
      return NOTHING;
    }
    if (!END.test(text)) return send(text, [...values]);
    const wasBegun = isBegun;
    [held, isBegun] = [[], false];
    // Nothing to end when nothing was sent, or when it did not come through.
    return wasBegun ? client.query(text) : NOTHING;
  };

  return { query: query as PostgresPoolClient['query'], release: () => client.release() };
}
