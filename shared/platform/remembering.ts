import { LRUCache } from 'lru-cache';
import type { Clock } from '#kernel/clock.ts';

/** How long an answer is remembered (milliseconds), and how many are. */
export interface Remembered {
  readonly ttlMs: number;
  readonly max: number;
}

/**
 * Remembers answers by their key (any JSON), and what is under way: those who ask at once ask once. What failed is not remembered.
 * Lifetimes follow the product's clock.
 */
export function remembering<T>(clock: Clock, { ttlMs, max }: Remembered): (key: unknown, ask: () => Promise<T>) => Promise<T> {
  const answers = new LRUCache<string, Promise<T>>({ max, ttl: ttlMs, ttlResolution: 0, perf: { now: () => clock.now().toMillis() } });
  return (key, ask) => {
    const text = JSON.stringify(key);
    const known = answers.get(text);
    if (known) return known;
    const asked = ask();
    answers.set(text, asked);
    asked.catch(() => {
      if (answers.peek(text) === asked) answers.delete(text);
    });
    return asked;
  };
}
