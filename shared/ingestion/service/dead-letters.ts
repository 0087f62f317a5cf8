import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { notFound } from '#kernel/errors.ts';
import {
  type DeadLetter,
  DLQ_TOPICS,
  type LetterPlace,
  letterId,
  originalRecord,
  originOf,
  parseLetterId,
  readDeadLetter,
} from '#platform/event-log/dead-letter.ts';
import type { EventLog } from '#platform/event-log/event-log.ts';
import { type DlqName, dlqOf, HEADERS, TOPICS } from '#platform/event-log/topics.ts';
import type { Database, SystemTransaction, TenantTransaction } from '#platform/postgres/database.ts';
import { type Redrive, redriveRepository } from '../repository/redrives.ts';
import { endsOf, type LetterPositions, partKey, walkLetters } from './dead-letter-walk.ts';

/** A letter with what became of it; `redrive` is null while it is open. */
export interface ListedLetter {
  readonly letter: DeadLetter;
  readonly redrive: Pick<Redrive, 'redrivenAt' | 'redrivenBy'> | null;
}

export interface LetterListing {
  readonly status: 'open' | 'redriven' | 'all';
  readonly reason: string | null;
  readonly limit: number;
  readonly from: LetterPositions;
  /** Letters from here on are left out. */
  readonly until?: LetterPositions;
}
/** `next` is where to go on; null at the end. A page may hold less than asked for, even nothing, and still have a next one. */
export interface LetterPage {
  readonly letters: readonly ListedLetter[];
  readonly next: LetterPositions | null;
}

/** Ids of what was put back, and of what had been put back before and was left alone. */
export interface RedriveResult {
  readonly redriven: readonly string[];
  readonly already: readonly string[];
}

export interface DeadLetterDependencies {
  readonly eventLog: () => Promise<Pick<EventLog, 'append' | 'offsets' | 'read'>>;
  readonly database: Database;
  readonly clock: Clock;
}
export type DeadLetterService = ReturnType<typeof createDeadLetterService>;
export type DeadLetterDesk = ReturnType<DeadLetterService['ofTenant']>;

/** Whose letters: which topics, which letters of them, and how their redrives are remembered. */
interface Scope {
  readonly topics: readonly DlqName[];
  readonly actor: string;
  admits(letter: DeadLetter): boolean;
  memory<T>(work: (tx: TenantTransaction | SystemTransaction) => Promise<T>): Promise<T>;
}

/** Letters that one listing looks at: all tenants share the topics, so a page is bounded by what it reads, too. */
const SCANNED = 5_000;
const READ_AT_ONCE = 500;
const EVENT_LETTERS: readonly DlqName[] = [dlqOf(TOPICS.events), dlqOf(TOPICS.eventsLazy)];

/** Dead letters can be looked at and driven again (metering.md D6, D7): a tenant's own events, and for the operator every topic. */
export function createDeadLetterService({ eventLog, database, clock }: DeadLetterDependencies) {
  return {
    /** The events of the context's tenant and environment. */
    ofTenant: (ctx: RequestContext) =>
      desk({
        topics: EVENT_LETTERS,
        actor: ctx.actorId,
        admits: ({ headers }) => headers[HEADERS.tenantId] === ctx.tenantId && headers[HEADERS.environmentId] === ctx.environmentId,
        memory: (work) => database.withTenant(ctx, work),
      }),

    /** Everything, or one tenant's: for whoever runs the product. */
    ofOperator: ({ topics = DLQ_TOPICS, tenantId }: { readonly topics?: readonly DlqName[]; readonly tenantId?: string } = {}) =>
      desk({
        topics,
        actor: 'operator',
        admits: ({ headers }) => tenantId === undefined || headers[HEADERS.tenantId] === tenantId,
        memory: (work) =>
          database.asSystem('dead letters', async (tx) => {
            await redriveRepository.forget(tx, clock.now());
            return work(tx);
          }),
      }),
  };

  function desk(scope: Scope) {
    const withRedrives = async (letters: readonly DeadLetter[]): Promise<ListedLetter[]> => {
      if (letters.length === 0) return [];
      const known = new Map(
        (await scope.memory((tx) => redriveRepository.find(tx, letters))).map((redrive) => [
          `${redrive.topic}:${redrive.partition}:${redrive.letterOffset}`,
          redrive,
        ]),
      );
      return letters.map((letter) => ({ letter, redrive: known.get(letterId(letter)) ?? null }));
    };

    const list = async ({ status, reason, limit, from, until }: LetterListing): Promise<LetterPage> => {
      const positions = new Map(from);
      const found: ListedLetter[] = [];
      let open: DeadLetter[] = [];
      let scanned = 0;
      const settle = async (): Promise<void> => {
        found.push(...(await withRedrives(open)).filter(({ redrive }) => status === 'all' || (status === 'open') === (redrive === null)));
        open = [];
      };
      for await (const letter of walkLetters(await eventLog(), scope.topics, from, until)) {
        positions.set(partKey(letter), letter.offset + 1n);
        scanned += 1;
        if (scope.admits(letter) && (reason === null || letter.reason === reason)) open.push(letter);
        if (found.length + open.length >= limit) await settle();
        if (found.length >= limit || scanned >= SCANNED) {
          await settle();
          return { letters: found, next: positions };
        }
      }
      await settle();
      return { letters: found, next: null };
    };

    /** The letters of these ids in their order. Throws NotFound for one that is not there or not of this scope. */
    const find = async (ids: readonly string[]): Promise<ListedLetter[]> => {
      const places = ids.map((id) => placeOf(id, scope.topics));
      const asked = new Set(places.map(letterId));
      const found = new Map<string, DeadLetter>();
      for (const [topic, ofTopic] of Map.groupBy(places, (place) => place.topic)) {
        const wanted = new Map(
          [...Map.groupBy(ofTopic, ({ partition }) => partition)].map(([partition, each]) => [
            partition,
            each.map(({ offset }) => offset).sort((a, b) => (a < b ? -1 : 1)),
          ]),
        );
        while (wanted.size > 0) {
          const slices = await (await eventLog()).read(topic, {
            from: [...wanted].map(([partition, [offset = 0n]]) => ({ partition, offset })),
            limit: READ_AT_ONCE,
          });
          for (const { partition, messages } of slices) {
            for (const message of messages) {
              const id = letterId({ topic, partition, offset: message.offset });
              if (asked.has(id)) found.set(id, readDeadLetter(topic, partition, message));
            }
            const last = messages.at(-1)?.offset;
            const rest = last === undefined ? [] : (wanted.get(partition) ?? []).filter((offset) => offset > last);
            if (rest.length === 0) wanted.delete(partition);
            else wanted.set(partition, rest);
          }
        }
      }
      return withRedrives(
        places.map((place) => {
          const letter = found.get(letterId(place));
          if (letter === undefined || !scope.admits(letter)) throw notFound('dead letter', letterId(place));
          return letter;
        }),
      );
    };

    /**
     * Puts letters back on their topics as they were before they failed. One that was put back before is left alone unless `again`.
     * Appended first and remembered then: a crash in between drives a letter twice, which changes nothing, since an event counts by
     * its id; the other way round it would be taken for driven and never be.
     */
    const redriveLetters = async (letters: readonly ListedLetter[], again = false): Promise<RedriveResult> => {
      const due = letters.filter(({ redrive }) => redrive === null || again).map(({ letter }) => letter);
      for (const [topic, ofTopic] of Map.groupBy(due, originOf)) await (await eventLog()).append(topic, ofTopic.map(originalRecord));
      const now = clock.now();
      await scope.memory((tx) =>
        redriveRepository.put(
          tx,
          due.map(({ topic, partition, offset, time, headers }) => ({
            topic,
            partition,
            letterOffset: String(offset),
            letterTime: time,
            redrivenAt: now,
            redrivenBy: scope.actor,
            tenantId: headers[HEADERS.tenantId] ?? '',
            environmentId: headers[HEADERS.environmentId] ?? '',
          })),
        ),
      );
      return {
        redriven: due.map(letterId),
        already: letters.map(({ letter }) => letterId(letter)).filter((id) => !due.some((letter) => letterId(letter) === id)),
      };
    };

    return {
      list,
      find,
      redriveLetters,

      /** Where the topics of this desk end now: letters that come back from a redrive lie behind it. */
      ends: async (): Promise<LetterPositions> => endsOf(await eventLog(), scope.topics),

      /** The letter of an id. Throws NotFound. */
      get: async (id: string): Promise<ListedLetter> => (await find([id]))[0] as ListedLetter,

      /** Puts the letters of these ids back, all of them or, when one is not found, none. */
      redrive: async (ids: readonly string[], again = false): Promise<RedriveResult> =>
        redriveLetters(await find([...new Set(ids)]), again),
    };
  }
}

function placeOf(id: string, topics: readonly DlqName[]): LetterPlace {
  const place = parseLetterId(id);
  if (place === null || !topics.includes(place.topic)) throw notFound('dead letter', id);
  return place;
}
