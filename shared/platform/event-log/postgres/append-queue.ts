import { framedSize } from '../framing.ts';
import type { PlacedRecord } from './store.ts';

interface Waiting {
  readonly records: readonly PlacedRecord[];
  readonly bytes: number;
  readonly done: PromiseWithResolvers<void>;
}

/** Statements under way at once, per topic: one commits while the next ones are sent and wait for the partitions' locks. */
const MAX_UNDER_WAY = 8;
const STATEMENT_BYTES = 4 * 1024 * 1024;

/**
 * Group commit: appends that come while all statements are under way travel together in the next one. A lone append goes
 * at once; under load the cost of a commit is shared by many requests. Statements race for the partitions' locks, so a caller
 * that wants an order between two appends awaits the first, as with any log.
 */
export function createAppendQueue(write: (topic: string, records: readonly PlacedRecord[]) => Promise<void>) {
  const queues = new Map<string, { readonly waiting: Waiting[]; underWay: number }>();

  function flush(topic: string): void {
    const queue = queues.get(topic);
    if (!queue || queue.underWay >= MAX_UNDER_WAY || queue.waiting.length === 0) return;
    const together: Waiting[] = [];
    for (let bytes = 0, next = queue.waiting[0]; next && (together.length === 0 || bytes + next.bytes <= STATEMENT_BYTES); next = queue.waiting[0]) {
      together.push(next);
      bytes += next.bytes;
      queue.waiting.shift();
    }
    queue.underWay += 1;
    // One failure is everyone's: none of them is in the log, as far as is known.
    write(topic, together.flatMap(({ records }) => records)).then(
      () => { for (const { done } of together) done.resolve(); },
      (error: unknown) => { for (const { done } of together) done.reject(error); },
    ).finally(() => {
      queue.underWay -= 1;
      flush(topic);
    });
    flush(topic);
  }

  return {
    append(topic: string, records: readonly PlacedRecord[]): Promise<void> {
      const queue = queues.get(topic) ?? { waiting: [], underWay: 0 };
      queues.set(topic, queue);
      const entry: Waiting = { records, bytes: records.reduce((sum, each) => sum + framedSize(each), 0), done: Promise.withResolvers() };
      queue.waiting.push(entry);
      flush(topic);
      return entry.done.promise;
    },
  };
}
