import { type DeadLetter, readDeadLetter } from '#platform/event-log/dead-letter.ts';
import type { EventLog, LogMessage } from '#platform/event-log/event-log.ts';
import type { DlqName } from '#platform/event-log/topics.ts';

/** Offsets by `topic:partition`: where a walk begins or ends. */
export type LetterPositions = ReadonlyMap<string, bigint>;

/** Records of one read of one partition. */
const READ_RECORDS = 500;

interface Part {
  readonly topic: DlqName;
  readonly partition: number;
  readonly end: bigint;
  next: bigint;
  waiting: LogMessage[];
}

/** The key of a partition in LetterPositions. */
export function partKey({ topic, partition }: { readonly topic: DlqName; readonly partition: number }): string {
  return `${topic}:${partition}`;
}

/** Where the topics end now, so that a walk can leave out what comes later. */
export async function endsOf(eventLog: Pick<EventLog, 'offsets'>, topics: readonly DlqName[]): Promise<LetterPositions> {
  const parts = await Promise.all(
    topics.map(async (topic) => (await eventLog.offsets(topic)).map(({ partition, end }) => [partKey({ topic, partition }), end] as const)),
  );
  return new Map(parts.flat());
}

/**
 * The letters of the topics in the order of their times, from these positions on (absent: the oldest) to the end that the topics had
 * when the walk began, or to `until`. Holds a bounded number of them at a time.
 */
export async function* walkLetters(
  eventLog: Pick<EventLog, 'offsets' | 'read'>,
  topics: readonly DlqName[],
  from: LetterPositions,
  until?: LetterPositions,
): AsyncGenerator<DeadLetter, void, undefined> {
  const parts = (
    await Promise.all(
      topics.map(async (topic) =>
        (
          await eventLog.offsets(topic)
        ).map(({ partition, earliest, end }): Part => {
          const key = partKey({ topic, partition });
          return { topic, partition, next: from.get(key) ?? earliest, end: until?.get(key) ?? end, waiting: [] };
        }),
      ),
    )
  ).flat();

  for (;;) {
    // No letter may go before the next one of any other partition is known.
    const empty = parts.filter(({ waiting, next, end }) => waiting.length === 0 && next < end);
    await Promise.all(
      [...Map.groupBy(empty, ({ topic }) => topic)].map(async ([topic, ofTopic]) => {
        const slices = await eventLog.read(topic, {
          from: ofTopic.map(({ partition, next }) => ({ partition, offset: next })),
          limit: READ_RECORDS,
        });
        for (const part of ofTopic) {
          part.waiting =
            slices.find(({ partition }) => partition === part.partition)?.messages.filter(({ offset }) => offset < part.end) ?? [];
          // Nothing there although the end lies further: the rest has expired meanwhile.
          if (part.waiting.length === 0) part.next = part.end;
        }
      }),
    );
    const ready = parts.filter(({ waiting }) => waiting.length > 0);
    if (ready.length === 0) return;
    const first = ready.reduce((oldest, part) => (timeOf(part) < timeOf(oldest) ? part : oldest));
    const message = first.waiting.shift() as LogMessage;
    first.next = message.offset + 1n;
    yield readDeadLetter(first.topic, first.partition, message);
  }
}

function timeOf({ waiting }: Part): number {
  return waiting[0]?.timestamp.toMillis() ?? 0;
}
