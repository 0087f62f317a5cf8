import { Decimal } from '#kernel/decimal.ts';
import type { Outcome } from './load.ts';
import type { Finding } from './mismatch.ts';
import { copyKey } from './overflow.ts';
import { eventLine, type Plan, type PlannedEvent, type PlannedRequest } from './plan.ts';
import type { StoredEvent } from './stored.ts';

export interface Evidence {
  readonly plan: Plan;
  /** By index of the request. */
  readonly outcomes: readonly Outcome[];
  readonly stored: readonly StoredEvent[];
  /** Events that went by way of the overflow, by `copyKey`. */
  readonly laidAside: ReadonlySet<string>;
  /** What of a request is in the log together or not at all: requests whose events share this text and the request. */
  readonly unitOf: (event: PlannedEvent) => string;
}

export interface Verdict {
  readonly findings: readonly Finding[];
  /** The events that count, as they were sent: what the usage has to be computed from. */
  readonly counting: readonly PlannedEvent[];
  /** Requests without an acknowledgement: how many of them are there all the same, and how many are not. */
  readonly unacknowledged: { readonly there: number; readonly absent: number };
}

/** An event within the request that carried it. */
interface Copy {
  readonly event: PlannedEvent;
  readonly request: PlannedRequest;
  readonly accepted: boolean;
}

/**
 * Compares what is stored with what was acknowledged: every acknowledged event is there, once, as it was sent; what was not
 * acknowledged is there in whole units or not at all; and of several copies the first that was acknowledged is the one that counts.
 */
export function judge({ plan, outcomes, stored, laidAside, unitOf }: Evidence): Verdict {
  const findings: Finding[] = [];
  const copies = Map.groupBy(
    plan.requests.flatMap((request) =>
      request.events.map((event): Copy => ({ event, request, accepted: outcomes[request.index]?.accepted === true })),
    ),
    ({ event }) => event.id,
  );
  const storedById = Map.groupBy(stored, ({ id }) => id);
  const find = (kind: Finding['kind'], what: string, expected: string, actual: string, events: readonly PlannedEvent[]): unknown =>
    findings.push({ kind, what, expected, actual, events: events.map(eventLine) });

  const counting: PlannedEvent[] = [];
  for (const [id, sent] of copies) {
    const found = storedById.get(id) ?? [];
    const events = sent.map(({ event }) => event);
    const acknowledged = sent.some(({ accepted }) => accepted);
    const [only] = found;
    if (found.length > 1)
      find(
        'twice',
        `event ${id}`,
        'stored once',
        `stored ${found.length} times, at ${found.map(({ at }) => new Date(at).toISOString()).join(' and ')}`,
        events,
      );
    if (only === undefined) {
      if (acknowledged) find('lost', `event ${id}`, 'stored, because it was acknowledged', 'not stored', events);
      continue;
    }
    const winner = sent.find(({ event }) => isStoredAs(only, event));
    if (winner === undefined) {
      find('altered', `event ${id}`, 'as one of the copies that were sent', JSON.stringify(only), events);
      continue;
    }
    const winners = possibleWinners(sent, laidAside);
    if (found.length === 1 && !winners.some(({ event }) => event.at === winner.event.at)) {
      find(
        'wrong copy',
        `event ${id}`,
        `the first that was acknowledged: ${winners.map(({ event }) => eventLine(event)).join(' or ')}`,
        eventLine(winner.event),
        events,
      );
    }
    counting.push(winner.event);
  }
  for (const [id, found] of storedById)
    if (!copies.has(id)) find('unknown', `event ${id}`, 'not stored, because nobody sent it', JSON.stringify(found[0]), []);

  const unacknowledged = { there: 0, absent: 0 };
  for (const request of plan.requests) {
    if (outcomes[request.index]?.accepted === true) continue;
    // An id that other requests carry too says nothing about this one.
    const own = request.events.filter(({ id }) => (copies.get(id) ?? []).every((copy) => copy.request === request));
    const there = own.filter(({ id }) => storedById.has(id));
    if (own.length > 0) unacknowledged[there.length > 0 ? 'there' : 'absent'] += 1;
    for (const [unit, events] of Map.groupBy(own, unitOf)) {
      const [ids, present] = [
        new Set(events.map(({ id }) => id)),
        new Set(events.filter(({ id }) => storedById.has(id)).map(({ id }) => id)),
      ];
      if (present.size === 0 || present.size === ids.size) continue;
      find(
        'half',
        `request ${request.index}, ${unit}, answered ${outcomes[request.index]?.answers.join(', ')}`,
        `all or none of ${ids.size} events`,
        `${present.size} of them`,
        events,
      );
    }
  }
  return { findings, counting, unacknowledged };
}

/**
 * The copies that may count. Later requests were sent after the first was answered, so the first is the one where it was acknowledged:
 * it stands in the log before them. Unless the log was away and the overflow took it: then its place in the log is decided by the replay.
 */
function possibleWinners(sent: readonly Copy[], laidAside: ReadonlySet<string>): readonly Copy[] {
  // Of one request the first line counts, wherever the request stands.
  const firsts = sent.filter((copy, at) => sent.findIndex(({ request }) => request === copy.request) === at);
  const [first] = firsts;
  return first?.accepted === true && !laidAside.has(copyKey(first.event)) ? [first] : firsts;
}

function isStoredAs(stored: StoredEvent, sent: PlannedEvent): boolean {
  const { amount, model, user } = stored.properties;
  return (
    stored.at === sent.at &&
    stored.customer === sent.customer &&
    stored.eventName === sent.eventName &&
    sameAmount(amount, sent.amount) &&
    (model ?? null) === sent.model &&
    (user ?? null) === sent.user
  );
}

function sameAmount(stored: unknown, sent: string | null): boolean {
  if (stored === undefined || sent === null) return (stored ?? null) === sent;
  if (stored === sent) return true;
  return typeof stored === 'string' && /^-?\d+(\.\d+)?$/.test(stored) && /^-?\d+(\.\d+)?$/.test(sent) && new Decimal(stored).eq(sent);
}
