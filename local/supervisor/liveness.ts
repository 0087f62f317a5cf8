import { setTimeout as wait } from 'node:timers/promises';
import { GoingDown } from '../engines/process.ts';

/** How a process is watched, in milliseconds. */
export interface Patience {
  /** Between an answer and the next question. */
  readonly everyMs: number;
  /** An answer that takes longer counts as none. */
  readonly answerMs: number;
  /** So many questions in a row without an answer: the process does not work. */
  readonly misses: number;
}

/**
 * A process that hangs is found within 17 s. Questions are counted, not time: a machine that slept, or a supervisor that was held,
 * finds one question unanswered and not all of them.
 */
export const PATIENCE: Patience = { everyMs: 2_000, answerMs: 3_000, misses: 4 };

/** Asks a process now and then whether it works. Resolves with the reason once it does not, or with undefined when the signal ends the watch. */
export async function untilSilent(probe: () => Promise<void>, patience: Patience, signal: AbortSignal): Promise<string | undefined> {
  let misses = 0;
  for (;;) {
    // After a miss the next question comes sooner.
    await wait(misses === 0 ? patience.everyMs : patience.everyMs / 2, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return undefined;
    const reason = await missed(probe, patience.answerMs);
    misses = reason === undefined ? 0 : misses + 1;
    if (reason instanceof GoingDown || misses === patience.misses) return signal.aborted ? undefined : reason?.message;
  }
}

async function missed(probe: () => Promise<void>, milliseconds: number): Promise<Error | undefined> {
  const answered = new AbortController();
  const tooLate = wait(milliseconds, new Error(`no answer within ${milliseconds / 1000} s`), { signal: answered.signal });
  tooLate.catch(() => undefined);
  try {
    return await Promise.race([probe().then(() => undefined), tooLate]);
  } catch (error) {
    return error as Error;
  } finally {
    answered.abort();
  }
}
