import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import type { LogMessage } from '#platform/event-log/event-log.ts';
import { unpackBatch } from './unpack.ts';

const TAKEN = DateTime.utc(2026, 3, 1);
const line = { id: 'e1', event_name: 'call', external_customer_id: 'c1', timestamp: TAKEN.toMillis(), properties: '{}' };

function unpack(fields: Record<string, unknown> = {}, headers: Record<string, string> = {}) {
  const message: LogMessage = {
    offset: 7n,
    key: 'k',
    value: Buffer.from(JSON.stringify({ ...line, ...fields })),
    headers: { tenant_id: 't', environment_id: 'e', ...headers },
    timestamp: TAKEN,
  };
  return unpackBatch({ topic: 'events', partition: 0, messages: [message] });
}

// Postgres cannot hold NUL: looking the customer up would fail for ever and hold the partition up.
test.each(['id', 'event_name', 'external_customer_id', 'customer_id', 'source'])('a line with NUL in its %s is poison', (field) => {
  const { events, poison } = unpack({ [field]: 'a\u0000b' });
  expect([events, poison.map(({ reason, detail }) => [reason, detail])]).toEqual([[], [['invalid_event', expect.stringContaining(field)]]]);
});

test.each([
  ['tenant_id', 'missing_tenant'],
  ['environment_id', 'missing_environment'],
])('a message with NUL in its %s is poison', (header, reason) => {
  const { events, poison } = unpack({}, { [header]: 'a\u0000b' });
  expect([events, poison.map((item) => item.reason)]).toEqual([[], [reason]]);
});

test.each(['9999-12-31T00:00:00Z', '1815-12-10T00:00:00Z', '-271821-04-20T00:00:00Z', 'yesterday', ''])(
  'a time of acceptance that no column holds (%s) is the time at which the log took it',
  (ingestedAt) => {
    expect(unpack({}, { ingested_at: ingestedAt }).events.map((event) => event.ingestedAt)).toEqual([TAKEN.toMillis()]);
  },
);

test('a good time of acceptance stays', () => {
  expect(unpack({}, { ingested_at: '2026-02-28T23:59:59.5Z' }).events[0]?.ingestedAt).toBe(Date.UTC(2026, 1, 28, 23, 59, 59, 500));
});
