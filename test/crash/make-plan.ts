import type { Action, Plan, PlannedEvent, PlannedRequest } from './plan.ts';
import { type Random, randomOf } from './random.ts';

export interface PlanOptions {
  /** Names of the processes that may be killed, as the supervisor lists them. */
  readonly processes: readonly string[];
  readonly requests?: number;
  /** Done instead of random kills and rebalances. */
  readonly actions?: readonly Action[];
  /** Share of events that are copies of earlier ones. */
  readonly duplicates?: number;
  /** Share of requests that are not sent again. */
  readonly givesUp?: number;
}

const REQUESTS = 260;
const DUPLICATES = 0.05;
const GIVES_UP = 0.35;
const HANGS_UP = 0.08;
const CUSTOMERS = ['ada', 'bo', 'chi', 'dee'];
const EVENT_NAMES = ['call', 'upload'];
// Two ends of a month lie within.
const START = Date.UTC(2025, 0, 20);
const END = Date.UTC(2025, 2, 10);
const MAX_BULK = 24;
const MAX_PAUSE_MS = 90;

/** The plan of a seed: the same for the same seed and options. */
export function makePlan(
  seed: number,
  { processes, requests: count = REQUESTS, actions, duplicates = DUPLICATES, givesUp = GIVES_UP }: PlanOptions,
): Plan {
  const random = randomOf(seed);
  const events = eventSource(random, seed);
  const requests: PlannedRequest[] = [];
  for (let index = 0; index < count; index += 1) {
    const single = random.chance(0.5);
    const after = new Set<number>();
    const own: PlannedEvent[] = [];
    for (let left = single ? 1 : random.int(2, MAX_BULK); left > 0; left -= 1)
      own.push(random.chance(duplicates) ? events.copy(index, after) : events.fresh(index));
    requests.push({
      index,
      single,
      events: own,
      after: [...after],
      pauseMs: random.int(0, MAX_PAUSE_MS),
      givesUp: random.chance(givesUp),
      hangsUpMs: random.chance(HANGS_UP) ? random.int(1, 25) : null,
    });
  }
  return {
    seed,
    customers: CUSTOMERS,
    eventNames: EVENT_NAMES,
    start: START,
    end: END,
    requests,
    actions: actions ?? randomActions(random, processes, count),
  };
}

/** Deals new events, and copies of those it has dealt. */
function eventSource(random: Random, seed: number) {
  const dealt: { readonly event: PlannedEvent; readonly request: number }[] = [];
  const times = new Set<number>();

  /** A time that no event has, so that the latest of a range is one event. */
  const unusedTime = (draw: () => number): number => {
    for (;;) {
      const at = draw();
      if (at < START || at >= END || times.has(at)) continue;
      times.add(at);
      return at;
    }
  };
  /** Most events come about in the order of their times; the others are late, or early. */
  const timeOf = (request: number): number =>
    unusedTime(() => {
      const expected = START + ((END - START) * Math.min(request, REQUESTS)) / REQUESTS;
      return random.chance(0.7) ? Math.floor(expected) + random.int(-43_200_000, 43_200_000) : random.int(START, END - 1);
    });
  const anotherTime = (at: number): number => {
    const month = new Date(at).getUTCMonth();
    const intoAnotherMonth = random.chance(0.5);
    return unusedTime(() => {
      const other = intoAnotherMonth ? random.int(START, END - 1) : at + random.int(-3_600_000, 3_600_000);
      return intoAnotherMonth && new Date(other).getUTCMonth() === month ? -1 : other;
    });
  };

  const fresh = (request: number): PlannedEvent => {
    const amount = amountOf(random);
    const event: PlannedEvent = {
      id: `s${seed}-e${dealt.length}`,
      eventName: random.pick(EVENT_NAMES),
      customer: random.pick(CUSTOMERS),
      at: timeOf(request),
      amount,
      asNumber: amount !== null && /^-?\d+(\.\d+)?$/.test(amount) && random.chance(0.5),
      model: random.pick(['large', 'large', 'small', 'tiny', null]),
      user: random.chance(0.1) ? null : `u${random.int(1, 40)}`,
    };
    dealt.push({ event, request });
    return event;
  };

  return {
    fresh,
    /** A copy with the same body, or with the same body at another time. `after` gets the request that its first copy is in. */
    copy(request: number, after: Set<number>): PlannedEvent {
      if (dealt.length === 0) return fresh(request);
      // The youngest are the ones that may still be on their way.
      const first = random.chance(0.6) ? random.pick(dealt.slice(-40)) : random.pick(dealt);
      if (first.request !== request) after.add(first.request);
      return random.chance(0.4) ? first.event : { ...first.event, at: anotherTime(first.event.at) };
    },
  };
}

/** Mostly plain decimals of either sign; some have more digits than a double, some are no numbers. */
function amountOf(random: Random): string | null {
  const digits = (count: number): string => Array.from({ length: count }, () => random.int(0, 9)).join('');
  const sign = random.chance(0.2) ? '-' : '';
  const kind = random.int(1, 20);
  if (kind <= 8) return `${sign}${random.int(0, 1000)}`;
  if (kind <= 15) return `${sign}${random.int(0, 99_999)}.${digits(random.int(1, 6))}`;
  if (kind <= 18) return `${sign}${random.int(1, 9)}${digits(random.int(15, 22))}.${digits(random.int(10, 18))}`;
  return kind === 19 ? `${sign}${random.int(1, 9)}.5e${random.int(1, 4)}` : random.pick([null, 'n/a', '']);
}

function randomActions(random: Random, processes: readonly string[], requests: number): Action[] {
  const moment = (from = 0.04, to = 0.9) => ({
    afterRequests: Math.floor(requests * from) + random.int(0, Math.floor(requests * (to - from))),
    delayMs: random.int(0, 80),
  });
  const actions: Action[] = [];
  let left = [...processes];
  for (let kills = random.int(2, 4); kills > 0 && left.length > 0; kills -= 1) {
    const process = random.pick(left);
    // A broker takes longer to come back than the load lasts.
    if (process === 'kafka') left = left.filter((name) => name !== process);
    actions.push({ ...moment(), kind: 'kill', process });
  }
  for (let joiners = random.int(0, 2); joiners > 0; joiners -= 1) {
    actions.push({ ...moment(0, 0.5), kind: 'consumer joins' });
    if (random.chance(0.8)) actions.push({ ...moment(0.5, 0.95), kind: 'consumer leaves', how: random.pick(['stop', 'kill']) });
  }
  return actions.sort((a, b) => a.afterRequests - b.afterRequests);
}
