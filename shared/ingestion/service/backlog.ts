import { environmentKey, type EnvironmentIds } from '#kernel/context.ts';
import type { EventLog, LogMessage, PartitionLag } from '#platform/event-log/event-log.ts';
import { countOf, originOf } from '../repository/unpack.ts';
import type { InFlight } from './in-flight.ts';

/** What of one environment's is in the log and not stored. */
export interface OwnBacklog {
  readonly events: number;
  /** When the oldest of it was accepted: milliseconds since 1970. */
  readonly oldest: number;
}

/** What the log holds that its groups have not stored, at one moment, of everybody. */
export interface Backlog {
  /** False: so much waits that this look did not come to its end. The next one goes on from there. */
  readonly isComplete: boolean;
  readonly own: (environment: EnvironmentIds) => OwnBacklog | undefined;
}

/** Consecutive offsets `[from, to)` of a partition that were read, and what they hold of whom. */
interface Block {
  readonly from: bigint;
  readonly to: bigint;
  readonly byEnvironment: ReadonlyMap<string, OwnBacklog>;
}

interface Hole {
  readonly from: bigint;
  readonly to: bigint;
}

/** Most that one read brings of each partition. */
const READ = { limit: 2_000, maxBytes: 4 * 1024 * 1024 } as const;
/** Most reads of a stream in one look: about 16,000 records of each partition. */
const READS_PER_LOOK = 8;

export interface BacklogDependencies {
  readonly inFlight: Pick<InFlight, 'streams'>;
  readonly eventLog: () => Promise<Pick<EventLog, 'read'>>;
}

/**
 * Looks at what waits in the log. What was read is remembered, so that a backlog of hours is read once and not at every look: only what came
 * since, and the blocks that the groups are inside of. Nobody waits because of another's backlog for longer than it takes to read it.
 */
export function createBacklog({ inFlight, eventLog }: BacklogDependencies) {
  const known = new Map<string, readonly Block[]>();
  let turn: Promise<unknown> = Promise.resolve();

  /** Reads the first hole of each partition that has one. False where nothing more can be read now. */
  const readOn = async (topic: string, partitions: readonly PartitionLag[]): Promise<boolean> => {
    const holes = new Map(
      partitions.flatMap((part) => {
        const hole = firstHole(known.get(placeOf(topic, part)) ?? [], part);
        return hole === undefined ? [] : [[part.partition, hole] as const];
      }),
    );
    if (holes.size === 0) return false;
    const from = [...holes].map(([partition, hole]) => ({ partition, offset: hole.from }));
    const slices = await (await eventLog()).read(topic, { from, ...READ });
    let hasRead = false;
    for (const { partition, messages } of slices) {
      const hole = holes.get(partition);
      const last = messages.at(-1);
      if (hole === undefined || last === undefined) continue;
      hasRead = true;
      const place = placeOf(topic, { partition });
      const to = last.offset + 1n < hole.to ? last.offset + 1n : hole.to;
      const byEnvironment = sumsOf(messages.filter(({ offset }) => offset < to));
      known.set(
        place,
        [...(known.get(place) ?? []), { from: hole.from, to, byEnvironment }].sort((a, b) => Number(a.from - b.from)),
      );
    }
    return hasRead;
  };

  const look = async (): Promise<Backlog> => {
    const behind = new Map<string, PartitionLag>();
    for (const { topic, partitions } of await inFlight.streams()) {
      const waiting = partitions.filter(({ committed, end }) => committed < end);
      for (const part of waiting) {
        const place = placeOf(topic, part);
        behind.set(place, part);
        known.set(
          place,
          (known.get(place) ?? []).filter(({ from, to }) => from >= part.committed && to <= part.end),
        );
      }
      for (let reads = 0; reads < READS_PER_LOOK && (await readOn(topic, waiting)); reads += 1);
    }
    for (const place of known.keys()) if (!behind.has(place)) known.delete(place);

    const sums = new Map<string, OwnBacklog>();
    for (const block of [...known.values()].flat()) for (const [environment, own] of block.byEnvironment) add(sums, environment, own);
    return {
      isComplete: [...behind].every(([place, part]) => firstHole(known.get(place) ?? [], part) === undefined),
      own: (environment) => sums.get(environmentKey(environment)),
    };
  };

  return {
    /** One look after the other: each goes on where the last one ended. Throws `service_unavailable` when the log does not answer. */
    look(): Promise<Backlog> {
      const mine = turn.then(look, look);
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
}

/** The first offsets between what is committed and the end that no block covers. Blocks are in order and do not overlap. */
function firstHole(blocks: readonly Block[], { committed, end }: PartitionLag): Hole | undefined {
  let at = committed;
  for (const { from, to } of blocks) {
    if (from > at) return { from: at, to: from };
    at = to;
  }
  return at < end ? { from: at, to: end } : undefined;
}

function sumsOf(messages: readonly LogMessage[]): Map<string, OwnBacklog> {
  const sums = new Map<string, OwnBacklog>();
  for (const message of messages) {
    const origin = originOf(message);
    // Whose it is cannot be read: it goes to the dead letters and counts for nobody.
    if (origin !== null) add(sums, environmentKey(origin), { events: countOf(message), oldest: origin.ingestedAt });
  }
  return sums;
}

function add(sums: Map<string, OwnBacklog>, environment: string, { events, oldest }: OwnBacklog): void {
  const before = sums.get(environment);
  sums.set(environment, { events: events + (before?.events ?? 0), oldest: Math.min(oldest, before?.oldest ?? oldest) });
}

function placeOf(topic: string, { partition }: Pick<PartitionLag, 'partition'>): string {
  return `${topic}/${partition}`;
}
