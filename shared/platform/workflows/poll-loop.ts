import { setTimeout as delay } from 'node:timers/promises';

/** Waits so many milliseconds, or less when the signal aborts; never rejects. Injected, so that tests need no waiting. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

export const realSleep: Sleep = async (ms, signal) => {
  // Rejects only when the signal aborts, which is one of the two ways to end a wait.
  await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
};

export interface PollLoopOptions {
  /** One round. Answers true when there may be more to do at once. */
  work(): Promise<boolean>;
  /** A round that threw; the next one comes after the interval. */
  onError(error: unknown): void;
  /** Milliseconds from the end of a round to the next one; asked after each round. */
  readonly intervalMs: number | (() => number);
  readonly sleep?: Sleep;
}

export interface PollLoop {
  /** Asks for a round now, or for another one after the present. */
  wake(): void;
  /** No further round; resolves when the present one is done. */
  stop(): Promise<void>;
}

/** Repeats `work` whenever it is woken, while it has more to do, and at the latest every `intervalMs`. Rounds never overlap. */
export function startPollLoop({ work, onError, intervalMs, sleep = realSleep }: PollLoopOptions): PollLoop {
  let stopped = false;
  let woken = false;
  let waiting = new AbortController();

  async function run(): Promise<void> {
    while (!stopped) {
      woken = false;
      const more = await work().catch((error: unknown) => {
        onError(error);
        return false;
      });
      if (stopped || more || woken) continue;
      waiting = new AbortController();
      await sleep(typeof intervalMs === 'number' ? intervalMs : intervalMs(), waiting.signal);
    }
  }
  const running = run();

  return {
    wake() {
      woken = true;
      waiting.abort();
    },
    async stop() {
      stopped = true;
      waiting.abort();
      await running;
    },
  };
}
