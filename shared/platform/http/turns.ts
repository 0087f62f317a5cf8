import { DomainError } from '#kernel/errors.ts';

export interface Turns {
  /**
   * Runs `work` when fewer than `atOnce` of the key are running; until then it waits here, and holds nothing that others need.
   * Throws `version_conflict` when its turn does not come in time.
   */
  take<T>(key: string, work: () => Promise<T>): Promise<T>;
}

interface Line {
  running: number;
  readonly waiting: (() => void)[];
}

/**
 * Callers who change one entity take turns before they take a connection: whoever waits for a row in the database holds one, and ten of
 * them would hold all that a process has.
 * @param atOnce how many of a key run at a time; more than one, so that the next is ready when the first lets go
 * @param waitMs how long somebody waits for a turn
 */
export function createTurns({ atOnce, waitMs }: { readonly atOnce: number; readonly waitMs: number }): Turns {
  const lines = new Map<string, Line>();

  const turn = (line: Line): Promise<boolean> => {
    if (line.running < atOnce) {
      line.running += 1;
      return Promise.resolve(true);
    }
    return new Promise((decide) => {
      const timer = setTimeout(() => {
        line.waiting.splice(line.waiting.indexOf(called), 1);
        decide(false);
      }, waitMs);
      // The one who leaves hands its place on, so `running` stays as it is.
      const called = (): void => {
        clearTimeout(timer);
        decide(true);
      };
      line.waiting.push(called);
    });
  };

  return {
    async take(key, work) {
      const line = lines.get(key) ?? { running: 0, waiting: [] };
      lines.set(key, line);
      if (!(await turn(line)))
        throw new DomainError('version_conflict', 'other requests change this at the moment, try again', { retry_after_seconds: 1 });
      try {
        return await work();
      } finally {
        const next = line.waiting.shift();
        if (next !== undefined) next();
        else {
          line.running -= 1;
          if (line.running === 0) lines.delete(key);
        }
      }
    },
  };
}
