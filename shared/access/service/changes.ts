import type { AccessChanges, Seen } from '../domain/principal.ts';

/** What is remembered is compared with Postgres this often, beside the requests. */
const CHECK_EVERY_MS = 2_000;
/** A process that was busy with nothing (a sandbox that was frozen) compares before it goes on with something older. */
const MUST_BE_CHECKED_MS = 4_000;
/** With the age above: a change is followed within five seconds, or Postgres does not answer. */
const PATIENCE_MS = 1_000;
const TRY_AGAIN_MS = 1_000;

export interface Changes {
  /** When what is remembered was last known to be true. */
  readonly confirmedAtMs: number;
  /** Postgres was asked and did not answer. */
  readonly away: boolean;
  /** To be awaited before something remembered is used; nothing nearly always. Never rejects. */
  check(nowMs: number): Promise<void> | undefined;
  /** Something is remembered from now on that was asked for at that time. */
  remembered(seen: Pick<Seen<unknown>, 'horizon'>, askedAtMs: number): void;
}

/**
 * Keeps what a process remembers true: asks every two seconds, for all tenants at once and only while there are requests, whose access has
 * changed. While Postgres is away what is remembered goes on being used.
 * @param ask changes behind a horizon
 * @param forget told of the last change of each tenant that had one; null when nothing that is remembered can be trusted
 */
export function createChanges(
  ask: (horizon: bigint) => Promise<AccessChanges>,
  forget: (changed: ReadonlyMap<string, string> | null) => void,
): Changes {
  let horizon: bigint | null = null;
  /** The lowest of what was remembered while a question was on its way: its answer may be older than that. */
  let meanwhile: bigint | null = null;
  let confirmedAtMs = Number.NEGATIVE_INFINITY;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | null = null;
  let away = false;

  /** Starts a question. One that was asked before and has not been answered is given up: the process may have been frozen meanwhile. */
  const start = (since: bigint, nowMs: number): Promise<void> => {
    triedAtMs = nowMs;
    meanwhile = null;
    const question = ask(since).then(
      (answer) => {
        if (answer.changes.length > 0) forget(new Map(answer.changes.map(({ tenantId, change }) => [tenantId, change])));
        // Counted backwards: this is another database, or an earlier state of it.
        if (answer.horizon < since) forget(null);
        if (asking !== question) return;
        asking = null;
        horizon = lower(answer.horizon, meanwhile);
        confirmedAtMs = nowMs;
        away = false;
      },
      () => {
        if (asking !== question) return;
        asking = null;
        // Whatever it was: it is asked again in a second, and until then nothing new is known.
        away = true;
      },
    );
    return question;
  };

  return {
    get confirmedAtMs() {
      return confirmedAtMs;
    },
    get away() {
      return away;
    },

    check(nowMs) {
      const age = passed(confirmedAtMs, nowMs);
      if (horizon === null || age < CHECK_EVERY_MS) return undefined;
      const idleMs = passed(triedAtMs, nowMs);
      // Nobody has tried for long: that Postgres was away then says nothing.
      if (idleMs >= MUST_BE_CHECKED_MS) away = false;
      if (idleMs >= (asking === null ? TRY_AGAIN_MS : MUST_BE_CHECKED_MS)) asking = start(horizon, nowMs);
      if (asking === null || away || age < MUST_BE_CHECKED_MS) return undefined;
      return patiently(asking, () => {
        away = true;
      });
    },

    remembered(seen, askedAtMs) {
      if (horizon === null) confirmedAtMs = askedAtMs;
      horizon = lower(seen.horizon, horizon);
      meanwhile = lower(seen.horizon, meanwhile);
    },
  };
}

/** Milliseconds since then. Without end where the clock was put back meanwhile: nobody knows how long that was. */
function passed(thenMs: number, nowMs: number): number {
  return nowMs < thenMs ? Number.POSITIVE_INFINITY : nowMs - thenMs;
}

function lower(one: bigint, other: bigint | null): bigint {
  return other === null || one < other ? one : other;
}

/** Waits for what does not reject, and for so long at most. */
async function patiently(work: Promise<void>, givenUp: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      givenUp();
      resolve();
    }, PATIENCE_MS);
  });
  await Promise.race([work, tooLong]);
  clearTimeout(timer);
}
