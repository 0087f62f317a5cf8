import fc from 'fast-check';
import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import type { OutboxRow } from '#platform/postgres/outbox.ts';
import { fromLogRecord, toLogRecord } from './system-event.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const row: fc.Arbitrary<OutboxRow> = fc.record({
  id: text,
  tenantId: text,
  environmentId: text,
  eventName: text,
  entityType: text,
  entityId: text,
  actorId: text,
  actorType: text,
  requestId: text,
  payload: fc.dictionary(
    text.filter((key) => key !== '__proto__'),
    fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(text)),
  ),
  createdAt: fc.integer({ min: 0, max: 4e12 }).map((ms) => DateTime.fromMillis(ms, { zone: 'utc' })),
  publishedAt: fc.constant(null),
  nextAttemptAt: fc.constant(null),
  failureCount: fc.constant(0),
  failureReason: fc.constant(null),
  position: fc.nat(),
});

test('what the relay writes, a consumer reads', () => {
  fc.assert(
    fc.property(row, (given) => {
      const { createdAt, ...event } = fromLogRecord(toLogRecord(given));
      const { createdAt: givenAt, publishedAt, nextAttemptAt, failureCount, failureReason, position, ...expected } = given;
      expect(event).toEqual(expected);
      expect(createdAt.toMillis()).toBe(givenAt.toMillis());
    }),
  );
});

test('events of one entity share a key, which names its tenant and environment', () => {
  const [sample] = fc.sample(row, 1) as [OutboxRow];
  const key = (change: Partial<OutboxRow>) => toLogRecord({ ...sample, tenantId: 't', environmentId: 'e', entityId: 'x', ...change }).key;
  expect(key({ id: 'a', eventName: 'customer.created' })).toBe(key({ id: 'b', eventName: 'customer.updated' }));
  expect(new Set([key({}), key({ tenantId: 'u' }), key({ environmentId: 'f' }), key({ entityId: 'y' })]).size).toBe(4);
});

test.each([
  ['no JSON', '{', 'system_event+json', 'JSON'],
  ['a missing field', '{"id":"1"}', 'system_event+json', 'tenant_id'],
  ['other content', '{}', 'events+ndjson', 'events+ndjson'],
])('%s is refused with what is wrong', (_, value, content, reason) => {
  expect(() => fromLogRecord({ value: Buffer.from(value), headers: { content } })).toThrow(reason);
});
