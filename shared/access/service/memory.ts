import { LRUCache } from 'lru-cache';
import type { Seen } from '../domain/principal.ts';
import type { Changes } from './changes.ts';

const MAX = 10_000;
/** What does not exist is remembered this long, so that asking for it again costs nothing, and not longer, since it may come to exist. */
const UNKNOWN_MS = 10_000;
/** A question that is older was asked before the process was frozen, and its connection may be gone. */
const JOINED_MS = 5_000;

interface Entry<T> extends Seen<T> {
  readonly askedAtMs: number;
  /** In question again behind this time, beside the requests: in case a change was made behind the back of the tables' triggers. */
  renewAtMs: number;
}

export interface MemorySettings {
  /** 0: nothing is remembered. */
  readonly renewAfterMs: number;
  /** How long what is remembered may be used without Postgres. */
  readonly outageMs: number;
  readonly rememberUnknown: boolean;
}

export interface Memory<T> {
  /** The answer, or null where there is none. Rejects when it is not known and cannot be asked for. */
  get(key: string, nowMs: number): Promise<T | null>;
  /** What is remembered of the tenant is asked anew, as is what is being asked now; without a tenant, of all. */
  forget(tenantId?: string): void;
  /** What is remembered of tenants whose last change was not seen in it is asked anew. */
  forgetChanged(changed: ReadonlyMap<string, string>): void;
}

/**
 * Answers by their keys. Those that ask at once ask once, and what is unknown has a place of its own, so that guessing pushes nothing out.
 */
export function createMemory<T>(
  ask: (key: string) => Promise<Seen<T> | null>,
  changes: Changes,
  { renewAfterMs, outageMs, rememberUnknown }: MemorySettings,
): Memory<T> {
  const known = new LRUCache<string, Entry<T>>({ max: MAX });
  const unknown = new LRUCache<string, number>({ max: MAX });
  const asked = new Map<string, { readonly question: Promise<T | null>; readonly askedAtMs: number }>();
  /** Counts what was forgotten: an answer to a question from before may be from before. */
  let forgotten = 0;

  const lookUp = (key: string, nowMs: number): Promise<T | null> => {
    const running = asked.get(key);
    if (running !== undefined && nowMs - running.askedAtMs < JOINED_MS) return running.question;
    const before = forgotten;
    const question = ask(key)
      .then((answer) => {
        if (before === forgotten) remember(key, answer, nowMs);
        return answer?.value ?? null;
      })
      .finally(() => {
        if (asked.get(key)?.question === question) asked.delete(key);
      });
    asked.set(key, { question, askedAtMs: nowMs });
    return question;
  };

  const remember = (key: string, answer: Seen<T> | null, askedAtMs: number): void => {
    if (answer === null) {
      known.delete(key);
      if (rememberUnknown) unknown.set(key, askedAtMs + UNKNOWN_MS);
      return;
    }
    known.set(key, { ...answer, askedAtMs, renewAtMs: askedAtMs + renewAfterMs });
    changes.remembered(answer, askedAtMs);
  };

  const drop = (isOld: (entry: Entry<T>) => boolean): void => {
    for (const [key, entry] of [...known.entries()]) if (isOld(entry)) known.delete(key);
  };

  const renew = (key: string, entry: Entry<T>, nowMs: number): void => {
    entry.renewAtMs = nowMs + renewAfterMs;
    lookUp(key, nowMs).catch(() => undefined);
  };

  return {
    async get(key, nowMs) {
      if (renewAfterMs === 0) return (await ask(key))?.value ?? null;
      let entry = known.get(key);
      const waiting = entry && changes.check(nowMs);
      if (waiting !== undefined) {
        await waiting;
        entry = known.get(key);
      }
      if (entry !== undefined && nowMs - Math.max(entry.askedAtMs, changes.confirmedAtMs) <= outageMs) {
        if (nowMs >= entry.renewAtMs && !changes.away) renew(key, entry, nowMs);
        return entry.value;
      }
      if ((unknown.get(key) ?? 0) > nowMs) return null;
      return lookUp(key, nowMs);
    },

    forget(tenantId) {
      drop((entry) => tenantId === undefined || entry.tenantId === tenantId);
      forgotten += 1;
      asked.clear();
    },

    forgetChanged(changed) {
      drop((entry) => (changed.get(entry.tenantId) ?? entry.change) !== entry.change);
    },
  };
}
