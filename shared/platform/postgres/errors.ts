import { alreadyExists, DomainError, invalid, unavailable } from '#kernel/errors.ts';

interface PostgresError {
  readonly code?: string;
  readonly constraint?: string;
  readonly message?: string;
}

/**
 * Classes and codes that say "the server is not there or not ready": 08 connection, 53 resources, 57P shutdown, 57014 too slow, 25006 a
 * writer that became a reader. 08P01 is none of them: the server is there, and we have sent it nonsense.
 */
const AWAY = /^(08(?!P01)|53|57P|57014|25006)/;
/** Two transactions that cannot both go on: deadlock, serialization failure. This one was rolled back, and may well succeed next time. */
const COLLIDED = new Set(['40P01', '40001']);
/** Somebody else holds the row for longer than this one may wait. */
const LOCKED = '55P03';
/** What a connection says that was closed from the other side while nobody looked: reset, terminated, or ended by the server (57P01). */
const DEAD = new Set(['ECONNRESET', 'EPIPE', '57P01']);

/** Whether an error comes from a connection that had been closed before, and a new one may well work. */
export function isDeadConnection(error: unknown): boolean {
  const { code = '', message = '' } = error as PostgresError;
  return DEAD.has(code) || /^Connection terminated unexpectedly|not queryable/.test(message);
}

const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/**
 * Errors of Postgres as errors of the product: an engine that is away is `service_unavailable`, a broken uniqueness rule is
 * `already_exists`. Unique indexes are named `uq_<table>__<field>`, so that the answer names the field.
 */
export function translateError(error: unknown): unknown {
  if (error instanceof DomainError || !(error instanceof Error)) return error;
  const { code = '', constraint = '', message = '' } = error as PostgresError;
  if (code === '23505') {
    const match = /^uq_(.+?)__(.+)$/.exec(constraint);
    if (match) return alreadyExists((match[1] ?? '').replaceAll('_', ' ').replace(/s$/, ''), match[2] ?? '');
  }
  // Text that UTF-8 databases cannot hold (NUL, lone surrogates), and numbers beyond the column.
  if (code === '22021' || code === '22P05' || (code === '22P02' && message.includes('type json')))
    return invalid('body', 'contains a character that cannot be stored');
  if (code === '22003') return invalid('body', 'contains a number that is too large');
  if (code === LOCKED)
    return new DomainError(
      'version_conflict',
      'another request holds this at the moment, try again',
      { retry_after_seconds: 1 },
      { cause: error },
    );
  if (COLLIDED.has(code))
    return new DomainError('version_conflict', 'another request changed the same at the same time, try again', undefined, { cause: error });
  if (AWAY.test(code) || NETWORK.has(code) || /Connection terminated|not queryable|timeout exceeded when trying to connect/.test(message))
    return unavailable('postgres', error);
  return error;
}
