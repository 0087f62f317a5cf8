interface Waiting<R> {
  readonly records: readonly R[];
  readonly bytes: number;
  readonly done: PromiseWithResolvers<void>;
}

export interface AppendQueueOptions<R> {
  /** Writes records of one topic. Resolves when they are durable. */
  readonly write: (topic: string, records: readonly R[]) => Promise<void>;
  readonly sizeOf: (record: R) => number;
  /** Writes under way at once, per topic. */
  readonly atOnce: number;
  /** Most bytes of appends that travel together; a single larger append travels alone. */
  readonly maxBytes: number;
}

/**
 * Group commit: appends that come while all writes are under way travel together in the next one. A lone append goes
 * at once; under load the cost of a commit is shared by many requests. Writes race each other, so a caller that wants an
 * order between two appends awaits the first, as with any log.
 */
export function createAppendQueue<R>({ write, sizeOf, atOnce, maxBytes }: AppendQueueOptions<R>) {
  const queues = new Map<string, { readonly waiting: Waiting<R>[]; underWay: number }>();

  function flush(topic: string): void {
    const queue = queues.get(topic);
    if (!queue || queue.underWay >= atOnce || queue.waiting.length === 0) return;
    const together: Waiting<R>[] = [];
    for (
      let bytes = 0, next = queue.waiting[0];
      next && (together.length === 0 || bytes + next.bytes <= maxBytes);
      next = queue.waiting[0]
    ) {
      together.push(next);
      bytes += next.bytes;
      queue.waiting.shift();
    }
    queue.underWay += 1;
    // One failure is everyone's: none of them is in the log, as far as is known.
    write(
      topic,
      together.flatMap(({ records }) => records),
    )
      .then(
        () => {
          for (const { done } of together) done.resolve();
        },
        (error: unknown) => {
          for (const { done } of together) done.reject(error);
        },
      )
      .finally(() => {
        queue.underWay -= 1;
        flush(topic);
      });
    flush(topic);
  }

  return {
    append(topic: string, records: readonly R[]): Promise<void> {
      const queue = queues.get(topic) ?? { waiting: [], underWay: 0 };
      queues.set(topic, queue);
      const entry: Waiting<R> = { records, bytes: records.reduce((sum, each) => sum + sizeOf(each), 0), done: Promise.withResolvers() };
      queue.waiting.push(entry);
      flush(topic);
      return entry.done.promise;
    },
  };
}
