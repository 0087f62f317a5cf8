import fc from 'fast-check';
import { expect, test } from 'vitest';
import { invalidOperation, unavailable } from '#kernel/errors.ts';
import { at } from '#test/support/conformance.ts';
import {
  type Computation,
  computedUntil,
  dueAt,
  failedWith,
  needsWork,
  retrySeconds,
  waitingForLog,
  whatIsMissing,
} from './computation.ts';

const NOW = at('2026-03-01');
const PENDING: Computation = { computationState: 'pending', computationReason: null, computationAttempts: 0, nextAttemptAt: NOW };

test('tries come further and further apart, up to an hour', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 1000].map(retrySeconds)).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
});

test('a draft says what keeps it, and an engine that is away is waited for', () => {
  const failed = failedWith(PENDING, invalidOperation('the price of a line item is gone'), NOW);
  expect(failed).toMatchObject({
    computationState: 'failed',
    computationReason: 'the price of a line item is gone',
    computationAttempts: 1,
  });
  expect(failed.nextAttemptAt?.toISO()).toBe('2026-03-01T00:01:00.000Z');
  const again = failedWith(failed, new Error('password in the text of a driver'), NOW);
  expect(again).toMatchObject({ computationState: 'failed', computationAttempts: 2 });
  expect(again.computationReason).not.toContain('password');
  expect(failedWith(again, unavailable('clickhouse', null), NOW)).toMatchObject({ computationState: 'waiting', computationAttempts: 3 });
  expect(computedUntil(null)).toMatchObject({ computationState: 'computed', computationReason: null, computationAttempts: 0 });
});

test('a log that is behind is looked at soon, and is no failure of the draft', () => {
  const waiting = waitingForLog({ ...PENDING, computationAttempts: 4 }, 'the log is behind', NOW);
  expect(waiting).toMatchObject({ computationState: 'waiting', computationReason: 'the log is behind', computationAttempts: 4 });
  expect(waiting.nextAttemptAt?.toISO()).toBe('2026-03-01T00:00:05.000Z');
});

test('a draft with usage waits from its first computation on, one without never', () => {
  expect(dueAt(NOW, true, 7200).toISO()).toBe('2026-03-01T02:00:00.000Z');
  expect(dueAt(NOW, false, 7200).toISO()).toBe('2026-03-01T00:00:00.000Z');
});

test('only a draft whose time has come is looked at', () => {
  expect(needsWork({ invoiceStatus: 'DRAFT', nextAttemptAt: NOW }, NOW)).toBe(true);
  expect(needsWork({ invoiceStatus: 'DRAFT', nextAttemptAt: NOW.plus(1) }, NOW)).toBe(false);
  expect(needsWork({ invoiceStatus: 'FINALIZED', nextAttemptAt: NOW }, NOW)).toBe(false);
  expect(needsWork({ invoiceStatus: 'DRAFT', nextAttemptAt: null }, NOW)).toBe(false);
});

test('final is what has all from before its wait was over, as far as that can be known now, and from before its period ended', () => {
  const minute = (n: number) => NOW.plus({ minutes: n });
  const seconds = fc.integer({ min: 0, max: 12 });
  // Every event that may have been accepted: final only where each that counts is stored.
  fc.assert(
    fc.property(seconds, seconds, seconds, fc.option(seconds), (end, due, asOf, stored) => {
      const storedUntil = stored === null ? null : minute(Math.min(stored, asOf));
      const missing = whatIsMissing({ asOf: minute(asOf), storedUntil, onItsWay: null }, { periodEnd: minute(end), due: minute(due) });
      const counts = Array.from({ length: 13 }, (_, at) => at).filter((at) => at < end || (at < due && at < asOf));
      expect(missing === null).toBe(counts.every((at) => storedUntil !== null && minute(at) < storedUntil) && storedUntil !== null);
    }),
  );
  const behind = { asOf: minute(5), storedUntil: minute(1), onItsWay: '3 records of the event log' };
  expect(whatIsMissing(behind, { periodEnd: minute(2), due: minute(4) })).toBe(
    'usage that was accepted before 2026-03-01T00:04:00Z is still on its way: 3 records of the event log',
  );
  expect(whatIsMissing(behind, { periodEnd: minute(1), due: null })).toBeNull();
});
