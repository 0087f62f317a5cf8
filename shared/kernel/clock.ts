import { DateTime } from 'luxon';

/** Source of "now". Requests and jobs pass one down, so that tests and catch-up runs can move time. */
export interface Clock {
  now(): DateTime;
}

export const systemClock: Clock = { now: () => DateTime.utc() };

/** A clock that stands still until told otherwise. */
export function fixedClock(start: DateTime): Clock & { set(time: DateTime): void } {
  let time = start.toUTC();
  return {
    now: () => time,
    set: (next) => {
      time = next.toUTC();
    },
  };
}
