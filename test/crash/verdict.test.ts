import { describe, expect, test } from 'vitest';
import { copyKey } from './overflow.ts';
import type { Plan, PlannedEvent, PlannedRequest } from './plan.ts';
import type { StoredEvent } from './stored.ts';
import { judge } from './verdict.ts';

const event = (id: string, more: Partial<PlannedEvent> = {}): PlannedEvent => ({
  id,
  eventName: 'call',
  customer: 'ada',
  at: Date.UTC(2025, 0, 31),
  amount: '1.50',
  asNumber: true,
  model: null,
  user: 'u1',
  ...more,
});
const LATER = Date.UTC(2025, 1, 1);

/** Requests in order, each with its events and whether it was acknowledged; then what is stored. */
function verdict(
  sent: readonly (readonly [accepted: boolean, ...events: PlannedEvent[]])[],
  stored: readonly StoredEvent[],
  laidAside: readonly PlannedEvent[] = [],
) {
  const requests = sent.map(
    ([, ...events], index): PlannedRequest => ({ index, single: false, events, after: [], pauseMs: 0, givesUp: true, hangsUpMs: null }),
  );
  const plan: Plan = { seed: 1, customers: ['ada', 'bo'], eventNames: ['call'], start: 0, end: LATER * 2, requests, actions: [] };
  const outcomes = sent.map(([accepted]) => ({ accepted, answers: [accepted ? '202' : '503'] }));
  return judge({ plan, outcomes, stored, laidAside: new Set(laidAside.map(copyKey)), unitOf: ({ customer }) => customer });
}
const as = ({ id, eventName, customer, at, amount, user }: PlannedEvent, more: Partial<StoredEvent> = {}): StoredEvent => ({
  id,
  eventName,
  customer,
  at,
  properties: { amount: Number(amount).toString(), user },
  ...more,
});

const [a, b, c] = [event('a'), event('b'), event('c', { customer: 'bo' })];
const copy = { ...a, at: LATER };

describe('what is stored is compared with what was acknowledged', () => {
  test.each<[string, ReturnType<typeof verdict>, string[]]>([
    ['all is there once', verdict([[true, a, b]], [as(a), as(b)]), []],
    ['an acknowledged event is missing', verdict([[true, a, b]], [as(a)]), ['lost']],
    [
      'an event is there at two times',
      verdict(
        [
          [true, a],
          [true, copy],
        ],
        [as(a), as(copy)],
      ),
      ['twice'],
    ],
    [
      'a later copy counts',
      verdict(
        [
          [true, a],
          [true, copy],
        ],
        [as(copy)],
      ),
      ['wrong copy'],
    ],
    ['a later line of the same request counts', verdict([[true, a, copy]], [as(copy)]), ['wrong copy']],
    [
      'a later copy counts after a first one that nobody acknowledged',
      verdict(
        [
          [false, a],
          [true, copy],
        ],
        [as(copy)],
      ),
      [],
    ],
    [
      'a later copy counts after a first one that went by way of the overflow',
      verdict(
        [
          [true, a],
          [true, copy],
        ],
        [as(copy)],
        [a],
      ),
      [],
    ],
    ['a value is another one', verdict([[true, a]], [as(a, { properties: { amount: '2', user: 'u1' } })]), ['altered']],
    ['an event is there that nobody sent', verdict([[true, a]], [as(a), as(b)]), ['unknown']],
    ['a request without an answer is not there', verdict([[false, a, b]], []), []],
    ['a request without an answer is there', verdict([[false, a, b]], [as(a), as(b)]), []],
    ['half of a unit is there', verdict([[false, a, b]], [as(a)]), ['half']],
    ['one unit of a request is there and another is not', verdict([[false, a, c]], [as(c)]), []],
    [
      'an id that another request carries too says nothing of this one',
      verdict(
        [
          [false, a, b],
          [true, a],
        ],
        [as(a)],
      ),
      [],
    ],
  ])('%s', (_, { findings }, kinds) => {
    expect(findings.map(({ kind }) => kind)).toEqual(kinds);
  });

  test('the events that count are those that were sent', () => {
    expect(
      verdict(
        [
          [true, a],
          [true, copy],
          [false, b],
        ],
        [as(a)],
      ).counting,
    ).toEqual([a]);
    expect(
      verdict(
        [
          [true, a],
          [false, b],
          [false, c],
        ],
        [as(a), as(b)],
      ).unacknowledged,
    ).toEqual({ there: 1, absent: 1 });
  });
});
