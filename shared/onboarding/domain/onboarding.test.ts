import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import { startOf } from './onboarding.ts';

const utc = (text: string): DateTime => DateTime.fromISO(text, { zone: 'utc' });
const SEEN = '2026-03-15T12:00:00Z';

test.each<[what: string, from: string | null, start: string]>([
  ['with the first event', '2026-03-15T11:59:58.123Z', '2026-03-15T11:59:58.123Z'],
  ['with one of a late batch', '2026-03-14T12:00:00Z', '2026-03-14T12:00:00Z'],
  ['a day before, where old events are filled in', '2020-01-01T00:00:00Z', '2026-03-14T12:00:00Z'],
  ['now, where the events are yet to come', '2026-03-16T00:00:00Z', SEEN],
  ['now, where it is not known', null, SEEN],
])('a subscription starts %s', (_, from, start) => {
  expect(startOf(from === null ? null : utc(from), utc(SEEN)).toISO()).toBe(utc(start).toISO());
});
