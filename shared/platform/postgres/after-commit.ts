import type { Transaction } from 'kysely';
import type { Tables } from './tables.ts';

const waiting = new WeakMap<object, (() => void)[]>();

/**
 * Runs `work` once the transaction is committed, whoever opened it, and never when it is rolled back. For what this process remembers: the
 * request is answered as done whatever happens here, so nothing that can fail belongs into it.
 */
export function afterCommit(tx: Transaction<Tables>, work: () => void): void {
  const works = waiting.get(tx);
  if (works === undefined) waiting.set(tx, [work]);
  else works.push(work);
}

/** For whoever has committed the transaction. */
export function committed(tx: object): void {
  for (const work of waiting.get(tx) ?? []) work();
}
