import { DateTime } from 'luxon';
import { DomainError } from '#kernel/errors.ts';
import { wireTime } from '#kernel/wire.ts';

/**
 * How far an invoice's computation is, beside its status. `pending`: nobody has computed it. `waiting`: for the log, or for an engine
 * that is away. `failed`: it cannot be computed as things are. Both say why and when the next try is.
 */
export const COMPUTATION_STATES = ['pending', 'waiting', 'failed', 'computed'] as const;
export type ComputationState = (typeof COMPUTATION_STATES)[number];

export interface Computation {
  readonly computationState: ComputationState;
  /** For people; null where there is nothing to say. */
  readonly computationReason: string | null;
  /** Tries in a row that came to nothing. */
  readonly computationAttempts: number;
  /** When somebody looks at the draft again; null where nobody has to. */
  readonly nextAttemptAt: DateTime | null;
}

/** Soon: the log is seldom behind for longer. */
const LOG_RETRY_SECONDS = 5;
const FIRST_RETRY_SECONDS = 60;
const LONGEST_RETRY_SECONDS = 3_600;

/** The wait after so many tries in a row: one minute, doubled up to an hour. */
export function retrySeconds(attempts: number): number {
  return Math.min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** Math.max(0, Math.min(attempts, 30) - 1));
}

/** How far accepted events are stored, as of a moment. `onItsWay` is for people. */
export interface StoredEvents {
  readonly asOf: DateTime;
  /** Null: not known how far. */
  readonly storedUntil: DateTime | null;
  readonly onItsWay: string | null;
}

/**
 * Why a draft with usage is not final yet, or null where it is: all that was accepted before its wait for late usage was over, or as
 * long before as one can know now, has to be stored; at the least all from before the end of its period. `due` null: it does not wait for
 * late usage.
 */
export function whatIsMissing(
  { asOf, storedUntil, onItsWay }: StoredEvents,
  { periodEnd, due }: { readonly periodEnd: DateTime | null; readonly due: DateTime | null },
): string | null {
  const known = due === null ? null : DateTime.min(due, asOf);
  const until = known === null ? periodEnd : periodEnd === null ? known : DateTime.max(periodEnd, known);
  if (until === null || (storedUntil !== null && storedUntil >= until)) return null;
  return `usage that was accepted before ${wireTime(until)} is still on its way: ${onItsWay ?? 'not all of it was stored at the last look'}`;
}

/** A draft that waits for what was accepted before its period's end. The tries so far stay counted: a log that catches up is no mend. */
export function waitingForLog({ computationAttempts }: Computation, reason: string, now: DateTime): Computation {
  return {
    computationState: 'waiting',
    computationReason: reason,
    computationAttempts,
    nextAttemptAt: now.plus({ seconds: LOG_RETRY_SECONDS }),
  };
}

/** A draft after a try that came to nothing. The text of an error that is not meant for callers stays in the log. */
export function failedWith({ computationAttempts }: Computation, error: unknown, now: DateTime): Computation {
  const attempts = computationAttempts + 1;
  const isAway = error instanceof DomainError && error.code === 'service_unavailable';
  return {
    computationState: isAway ? 'waiting' : 'failed',
    computationReason: error instanceof DomainError ? error.message : 'an internal error, which the log of the worker names',
    computationAttempts: attempts,
    nextAttemptAt: now.plus({ seconds: retrySeconds(attempts) }),
  };
}

/** A computed draft, looked at again when its wait for late usage is over; a final invoice (`dueAt` null) no more. */
export function computedUntil(dueAt: DateTime | null): Computation {
  return { computationState: 'computed', computationReason: null, computationAttempts: 0, nextAttemptAt: dueAt };
}

/**
 * When a draft that was first computed at `firstComputedAt` is final: usage that arrives until then still counts (ruling 69). One
 * without usage never waits.
 */
export function dueAt(firstComputedAt: DateTime, hasUsage: boolean, delaySeconds: number): DateTime {
  return hasUsage ? firstComputedAt.plus({ seconds: delaySeconds }) : firstComputedAt;
}

/** Whether somebody has to look at an invoice now. */
export function needsWork(
  { invoiceStatus, nextAttemptAt }: { readonly invoiceStatus: string } & Pick<Computation, 'nextAttemptAt'>,
  now: DateTime,
): boolean {
  return invoiceStatus === 'DRAFT' && nextAttemptAt !== null && nextAttemptAt <= now;
}
