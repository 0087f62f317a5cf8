import type { DateTime } from 'luxon';
import type { Duplicate } from './decide.ts';
import type { LoggedEvent } from './event.ts';

/** A record of the log that holds events of one request, and how many. */
export interface Pack {
  readonly tenantId: string;
  readonly environmentId: string;
  /** Milliseconds since 1970. */
  readonly ingestedAt: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** What ingest said that it holds. */
  readonly accepted: number;
}

/** What became of the events of a pack. Together they are what was accepted: nothing is lost in between. */
export interface PackAccount extends Pack {
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
}

/** Events that can never be stored; `line` is null where a whole pack is meant, all of whose events are then rejected. */
export interface Rejection {
  readonly offset: bigint;
  readonly line: number | null;
}

/** Where something stands in the log, and when ingest accepted it. `line` is -1 where a whole record is meant. */
export interface LedgerPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly line: number;
  readonly acceptedAt: DateTime;
}
export interface EventCopy extends LedgerPlace {
  readonly externalCustomerId: string;
  readonly eventName: string;
  readonly timestamp: DateTime;
}
export interface RejectedEvent extends LedgerPlace {
  readonly reason: string;
  readonly detail: string;
}

/** Accounts for the packs of one batch, which is of one partition. The same batch always gives the same accounts. */
export function accountPacks(
  packs: readonly Pack[],
  counting: readonly LoggedEvent[],
  duplicates: readonly Duplicate[],
  rejections: readonly Rejection[],
): PackAccount[] {
  const of = <T>(items: readonly T[], offsetOf: (item: T) => bigint): Map<bigint, T[]> => Map.groupBy(items, offsetOf);
  const stored = of(counting, ({ position }) => position.offset);
  const copies = of(duplicates, ({ event }) => event.position.offset);
  const refused = of(rejections, ({ offset }) => offset);
  return packs.map((pack) => {
    const own = refused.get(pack.offset) ?? [];
    return {
      ...pack,
      stored: stored.get(pack.offset)?.length ?? 0,
      duplicates: copies.get(pack.offset)?.length ?? 0,
      rejected: own.some(({ line }) => line === null) ? pack.accepted : own.length,
    };
  });
}
