import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { systemContext } from '#kernel/context.ts';
import type { LogMessage, LogRecord } from '#platform/event-log/event-log.ts';
import { partitionOf } from '#platform/event-log/event-log.ts';
import { IngestEventRequest } from '../contracts/event.ts';
import { unpackBatch } from '../repository/unpack.ts';
import { createIngestService } from './ingest.ts';

const NOW = DateTime.utc(2026, 3, 15, 12);
const ctx = systemContext('tenant_1', 'env_1', 'test');
const PARTITIONS = 4;

function service({ log = 'up', overflow = 'up', lazy = [] as string[] } = {}) {
  const logged: { topic: string; record: LogRecord }[] = [];
  const overflowed: LogRecord[] = [];
  const ingest = createIngestService({
    clock: fixedClock(NOW),
    config: { events: { lazy_tenants: lazy, max_future_hours: 24 } },
    eventLog: {
      partitionCount: async () => {
        if (log === 'away') throw new Error('no log');
        return PARTITIONS;
      },
      append: async (topic, records) => {
        if (log !== 'up') throw new Error('no log');
        logged.push(...records.map((record) => ({ topic, record })));
      },
    },
    overflow: {
      put: async (_topic, records) => {
        if (overflow !== 'up') throw new Error('no overflow');
        overflowed.push(...records);
      },
    },
  });
  return { ingest, logged, overflowed };
}

const request = (more: Record<string, unknown> = {}): IngestEventRequest =>
  IngestEventRequest.parse({ event_name: 'call', external_customer_id: 'c1', ...more });

function unpack(records: readonly LogRecord[]) {
  const messages = records.map(
    (record, index): LogMessage => ({
      offset: BigInt(index),
      key: record.key,
      value: record.value,
      headers: record.headers,
      timestamp: NOW,
    }),
  );
  return unpackBatch({ topic: 'events', partition: 0, messages });
}

test('what is packed is what is unpacked: nothing lost, the order of each customer kept', async () => {
  const { ingest, logged } = service();
  const requests = Array.from({ length: 1000 }, (_, index) =>
    request({
      event_id: `e${index}`,
      external_customer_id: `c${index % 7}`,
      source: 's',
      timestamp: '2026-03-01T00:00:00.123Z',
      properties: { text: 'ü'.repeat(800), nl: '\n' },
    }),
  );
  expect(await ingest.ingestBatch(ctx, requests)).toEqual(requests.map(({ event_id }) => event_id));
  for (const { record } of logged) {
    expect(record.value.length).toBeLessThanOrEqual(512 * 1024);
    const { events, poison } = unpack([record]);
    expect([
      poison,
      events
        .map((event) => partitionOf(`tenant_1:env_1:${event.externalCustomerId}`, PARTITIONS))
        .every((partition) => partition === record.partition),
    ]).toEqual([[], true]);
  }
  const { events } = unpack(logged.map(({ record }) => record));
  for (let customer = 0; customer < 7; customer += 1) {
    expect(events.filter((event) => event.externalCustomerId === `c${customer}`).map((event) => event.id)).toEqual(
      requests.filter((item) => item.external_customer_id === `c${customer}`).map((item) => item.event_id),
    );
  }
  expect(events[0]).toMatchObject({
    tenantId: 'tenant_1',
    environmentId: 'env_1',
    eventName: 'call',
    source: 's',
    ingestedAt: NOW.toMillis(),
    timestamp: Date.UTC(2026, 2, 1, 0, 0, 0, 123),
  });
});

test('absent, empty and zero times mean now, an absent id is made', async () => {
  const { ingest, logged } = service();
  const [id] = await ingest.ingestBatch(ctx, [
    request(),
    request({ event_id: '', timestamp: '' }),
    request({ timestamp: '0001-01-01T00:00:00Z' }),
  ]);
  expect(id).toMatch(/^event_[0-9A-Z]{26}$/);
  expect(unpack(logged.map(({ record }) => record)).events.map((event) => event.timestamp)).toEqual([
    NOW.toMillis(),
    NOW.toMillis(),
    NOW.toMillis(),
  ]);
});

test('one bad item refuses all, and every bad item is named', async () => {
  const { ingest, logged, overflowed } = service();
  const bad = [
    request(),
    request({ timestamp: '2026-03-16T12:00:00.001Z' }),
    request({ timestamp: '1999-12-31T23:59:59Z' }),
    request({ properties: { a: 'x'.repeat(65_536) } }),
  ];
  await expect(ingest.ingestBatch(ctx, bad)).rejects.toMatchObject({
    code: 'validation_error',
    details: {
      field: 'events[1].timestamp',
      errors: [{ field: 'events[1].timestamp' }, { field: 'events[2].timestamp' }, { field: 'events[3].properties' }],
    },
  });
  expect([logged, overflowed]).toEqual([[], []]);
  await ingest.ingest(ctx, request({ timestamp: '2026-03-16T12:00:00Z' }));
});

test('of a raw batch the valid items are taken, and the others told and written down', async () => {
  const { ingest, logged } = service();
  const unreadable = { id: 'none', made: { refused: [{ field: 'orgId', reason: 'is required' }] } };
  const late = { timestamp: '2026-03-16T12:00:00.001Z', properties: { a: 'x'.repeat(65_536) } };
  const items = [
    unreadable,
    { id: 'a', made: request({ event_id: 'a' }) },
    { id: '', made: request(late) },
    { id: 'b', made: request({ event_id: 'b' }) },
  ];
  const told = [
    { index: 0, id: 'none', field: 'orgId', reason: 'is required' },
    { index: 2, id: '', field: 'timestamp', reason: 'must not be more than 24 hours in the future' },
  ];
  expect(await ingest.ingestFit(ctx, items)).toEqual(told);
  const { events, dropped, packs } = unpack(logged.map(({ record }) => record));
  expect(events.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(dropped).toMatchObject([
    { id: 'none', reason: 'unusable_item', detail: 'orgId: is required' },
    { id: '', reason: 'unusable_item', detail: 'timestamp: must not be more than 24 hours in the future' },
  ]);
  expect(packs.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(4);
  logged.length = 0;
  expect(await ingest.ingestFit(ctx, [unreadable])).toEqual([told[0]]);
  expect(unpack(logged.map(({ record }) => record))).toMatchObject({ events: [], poison: [], dropped: [{ id: 'none' }] });
  await expect(service({ log: 'away', overflow: 'away' }).ingest.ingestFit(ctx, items)).rejects.toMatchObject({
    code: 'service_unavailable',
  });
});

test('fields that nobody knows travel with their event, bounded', async () => {
  const { ingest, logged } = service();
  const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`${'k'.repeat(300)}${index}`, 1]));
  await ingest.ingestBatch(ctx, [
    request({ event_id: 'a', idempotency_key: 'x', tenant_id: 'y' }),
    request({ event_id: 'b' }),
    request(many),
  ]);
  const [a, b, c] = unpack(logged.map(({ record }) => record)).events;
  expect([a?.ignoredFields, b?.ignoredFields]).toEqual([['idempotency_key', 'tenant_id'], undefined]);
  expect(c?.ignoredFields).toHaveLength(50);
  expect(c?.ignoredFields?.[0]).toHaveLength(255);
});

test('tenants that are kept apart have their own stream', async () => {
  const { ingest, logged } = service({ lazy: ['tenant_1'] });
  await ingest.ingest(ctx, request());
  await ingest.ingest({ ...ctx, tenantId: 'tenant_2' }, request());
  expect(logged.map(({ topic }) => topic)).toEqual(['events_lazy', 'events']);
});

test.each(['failing', 'away'])('when the log is %s the overflow takes the events, by customer', async (log) => {
  const { ingest, overflowed } = service({ log });
  expect(
    await ingest.ingestBatch(ctx, [
      request({ event_id: 'a' }),
      request({ event_id: 'b', external_customer_id: 'c2' }),
      request({ event_id: 'c' }),
    ]),
  ).toEqual(['a', 'b', 'c']);
  expect(overflowed.map(({ key, partition }) => ({ key, partition }))).toEqual([
    { key: 'tenant_1:env_1:c1', partition: undefined },
    { key: 'tenant_1:env_1:c2', partition: undefined },
  ]);
  expect(unpack(overflowed).events.map((event) => event.id)).toEqual(['a', 'c', 'b']);
});

test('when neither takes them, nothing is accepted', async () => {
  await expect(service({ log: 'away', overflow: 'away' }).ingest.ingest(ctx, request())).rejects.toMatchObject({
    code: 'service_unavailable',
  });
});
