import fc from 'fast-check';
import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import { cases } from '#test/support/conformance.ts';
import type { UsageEvent } from '../domain/event.ts';
import { packEvents, packedLines } from './pack.ts';

const ORIGIN = { tenantId: 'tenant_1', environmentId: 'env_1', ingestedAt: DateTime.utc(2026, 3, 15) };
const event = (id: string, externalCustomerId: string, filler = ''): UsageEvent => ({
  id,
  eventName: 'call',
  externalCustomerId,
  customerId: '',
  source: '',
  timestamp: 0,
  properties: JSON.stringify({ filler }),
});
const bytesOf = (one: UsageEvent): number => packEvents(ORIGIN, [one], 1)[0]?.value.length ?? 0;
/** An event that takes so many bytes in a pack. */
const ofBytes = (bytes: number): UsageEvent => event('e', 'c1', 'x'.repeat(bytes - bytesOf(event('e', 'c1'))));

interface Given {
  readonly events: number;
  readonly event_bytes: number;
  readonly pack_bytes: number;
}

test.each(cases<Given, number[]>('event-packs.json', 'packs'))('$id', ({ given, expected }) => {
  const packs = packEvents(
    ORIGIN,
    Array.from({ length: given.events }, () => ofBytes(given.event_bytes)),
    1,
    { packBytes: given.pack_bytes },
  );
  expect(packs.map(({ value }) => [...packedLines(value)].length)).toEqual(expected);
});

test('packs hold every event once, each customer in its order, and no pack could have held the next event too', () => {
  const sketches = fc.array(fc.record({ customer: fc.constantFrom('a', 'b', 'c', 'd'), filler: fc.string({ maxLength: 300 }) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(sketches, fc.integer({ min: 1, max: 2_000 }), fc.constantFrom(null, 1, 3), (sketch, packBytes, partitions) => {
      const events = sketch.map(({ customer, filler }, index) => event(`e${index}`, customer, filler));
      const packs = packEvents(ORIGIN, events, partitions, { packBytes });
      const linesOf = (value: Buffer) =>
        [...packedLines(value)].map((line) => JSON.parse(line.toString()) as { id: string; external_customer_id: string });
      const lines = packs.flatMap(({ value }) => linesOf(value));
      expect(lines.map(({ id }) => id).sort()).toEqual(events.map(({ id }) => id).sort());
      for (const customer of ['a', 'b', 'c', 'd']) {
        expect(lines.filter((line) => line.external_customer_id === customer).map(({ id }) => id)).toEqual(
          events.filter((one) => one.externalCustomerId === customer).map(({ id }) => id),
        );
      }
      packs.forEach(({ value, headers, partition, key }, index) => {
        const own = linesOf(value);
        expect(headers).toMatchObject({ tenant_id: 'tenant_1', environment_id: 'env_1', count: String(own.length) });
        if (value.length > packBytes) expect(own).toHaveLength(1);
        const next = packs[index + 1];
        if (next === undefined || (partitions === null ? next.key !== key : next.partition !== partition)) return;
        expect(value.length + ([...packedLines(next.value)][0]?.length ?? 0) + 1).toBeGreaterThan(packBytes);
      });
    }),
  );
});
