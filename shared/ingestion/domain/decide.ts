import { type LoggedEvent, type LogPosition, samePosition } from './event.ts';

/** A copy of an event that does not count, and the position of the one that does. */
export interface Duplicate {
  readonly event: LoggedEvent;
  readonly winner: LogPosition;
}

export interface Decision {
  /** Never seen: their positions become owners of their ids. */
  readonly fresh: readonly LoggedEvent[];
  /** To be written, in log order: the fresh ones, and those that own their id already, which are read from the log again after a crash. */
  readonly counting: readonly LoggedEvent[];
  readonly duplicates: readonly Duplicate[];
}

/**
 * Which events of a batch count (metering.md D3): the first in log order, unless another position owns the id already.
 * `owners` holds what the registry knows, by `keyOf`. The result depends on nothing else, so a batch that is read again,
 * cut in whatever way, is decided the same.
 */
export function decide(
  events: readonly LoggedEvent[],
  owners: ReadonlyMap<string, LogPosition>,
  keyOf: (event: LoggedEvent) => string,
): Decision {
  const fresh: LoggedEvent[] = [];
  const counting: LoggedEvent[] = [];
  const duplicates: Duplicate[] = [];
  const claimed = new Map<string, LogPosition>();
  for (const event of events) {
    const key = keyOf(event);
    const owner = owners.get(key) ?? claimed.get(key);
    if (owner !== undefined && !samePosition(owner, event.position)) {
      duplicates.push({ event, winner: owner });
      continue;
    }
    if (owner === undefined) {
      claimed.set(key, event.position);
      fresh.push(event);
    }
    counting.push(event);
  }
  return { fresh, counting, duplicates };
}
