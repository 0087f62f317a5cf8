import type { RequestContext } from '#kernel/context.ts';
import type { EventLog, LogMessage, PartitionLag } from '#platform/event-log/event-log.ts';
import type { LogPlace } from '../repository/ledger.ts';
import { packedLines } from '../repository/pack.ts';
import { countOf, originOf } from '../repository/unpack.ts';
import { EVENT_STREAMS } from './event-streams.ts';

/** How far the group of a stream is, at one moment. */
export interface StreamState {
  readonly topic: string;
  readonly group: string;
  readonly partitions: readonly PartitionLag[];
}

/** An accepted record of the caller's that is not consumed yet. */
export interface WaitingPack {
  readonly ingestedAt: number;
  readonly events: number;
  readonly value: Buffer;
}

export interface Waiting {
  readonly packs: readonly WaitingPack[];
  /** False when so much waits that not all of it was looked at: then there is more. */
  readonly complete: boolean;
}

/** Most that one answer looks at, of each partition: what waits longer than a moment is told as "at least". */
const LOOK = { limit: 2_000, maxBytes: 4 * 1024 * 1024 } as const;

export type InFlight = ReturnType<typeof createInFlight>;

/** What is accepted and not consumed yet, read from the log itself. Throws `service_unavailable` when the log does not answer: a lag that is not known is not 0 (Q9). */
export function createInFlight(eventLog: () => Promise<Pick<EventLog, 'lag' | 'read'>>) {
  const streams = async (): Promise<StreamState[]> => {
    const log = await eventLog();
    return Promise.all(EVENT_STREAMS.map(async ({ topic, group }) => ({ topic, group, partitions: await log.lag(group, topic) })));
  };

  /**
   * The caller's records between what its group has committed and the end at that moment: as much of them as one looks at. Nothing is read where
   * nothing waits.
   */
  const waiting = async (ctx: RequestContext, { topic, partitions }: StreamState): Promise<Waiting> => {
    const behind = partitions.filter(({ committed, end }) => committed < end);
    if (behind.length === 0) return { packs: [], complete: true };
    const from = behind.map(({ partition, committed }) => ({ partition, offset: committed }));
    const slices = await (await eventLog()).read(topic, { from, ...LOOK });
    const parts = behind.map((part) => ({
      ...part,
      messages: slices.find(({ partition }) => partition === part.partition)?.messages ?? [],
    }));
    return {
      packs: parts.flatMap(({ messages, end }) => messages.filter(({ offset }) => offset < end).flatMap((message) => packOf(ctx, message))),
      complete: parts.every(({ messages, committed, end }) => (messages.at(-1)?.offset ?? committed - 1n) + 1n >= end),
    };
  };

  return {
    streams,
    waiting,

    /** Where the streams' groups stood: what is at or beyond these places counts as waiting. */
    committed: (states: readonly StreamState[]): LogPlace[] =>
      states.flatMap(({ topic, partitions }) =>
        partitions
          .filter(({ committed, end }) => committed < end)
          .map(({ partition, committed }) => ({ topic, partition, offset: committed })),
      ),

    /** When the event of this id was accepted, if it waits; null when it does not, as far as one looked. */
    async find(ctx: RequestContext, id: string): Promise<number | null> {
      const needle = Buffer.from(JSON.stringify(id).slice(1, -1), 'utf8');
      for (const state of await streams()) {
        const { packs } = await waiting(ctx, state);
        const found = packs.find(({ value }) => value.includes(needle) && [...packedLines(value)].some((line) => idOf(line) === id));
        if (found !== undefined) return found.ingestedAt;
      }
      return null;
    },
  };
}

function packOf(ctx: RequestContext, message: LogMessage): WaitingPack[] {
  const origin = originOf(message);
  if (origin?.tenantId !== ctx.tenantId || origin.environmentId !== ctx.environmentId) return [];
  return [{ ingestedAt: origin.ingestedAt, events: countOf(message), value: message.value }];
}

function idOf(line: Buffer): unknown {
  try {
    return (JSON.parse(line.toString('utf8')) as { id?: unknown } | null)?.id;
  } catch {
    return undefined;
  }
}
