import type pg from 'pg';

/** Runs `work` in a transaction on one connection; commits when it resolves, and throws what it throws. */
export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // The pool listens only while a connection is idle. One that is cut between two statements would end the process;
  // the next statement reports the loss anyway.
  const ignore = () => {};
  client.on('error', ignore);
  let broken = true;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    broken = false;
    return result;
  } finally {
    if (!broken) client.off('error', ignore);
    // A connection that failed in mid-transaction is closed: whatever state it is in ends with it.
    client.release(broken);
  }
}
