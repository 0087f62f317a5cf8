import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decide } from './decide.ts';
import type { LoggedEvent } from './event.ts';
import { accountPacks, type Pack } from './ledger.ts';

const origin = { tenantId: 't', environmentId: 'e', ingestedAt: 1 };
const at = (offset: number, line: number) => ({ topic: 'events', partition: 0, offset: BigInt(offset), line });
const event = (id: string, offset: number, line: number): LoggedEvent => ({
  ...origin,
  id,
  eventName: 'call',
  externalCustomerId: 'c',
  customerId: '',
  source: '',
  timestamp: 1,
  properties: '{}',
  position: at(offset, line),
});
const pack = (offset: number, accepted: number): Pack => ({ ...origin, topic: 'events', partition: 0, offset: BigInt(offset), accepted });

test('a pack that is unusable as a whole is rejected as a whole', () => {
  expect(accountPacks([pack(3, 10)], [], [], [{ offset: 3n, line: null }])).toEqual([
    { ...pack(3, 10), stored: 0, duplicates: 0, rejected: 10 },
  ]);
});

test('lines that are missing show: what was accepted is more than its parts', () => {
  const [account] = accountPacks([pack(3, 3)], [event('a', 3, 0)], [], [{ offset: 3n, line: 1 }]);
  expect(account).toMatchObject({ accepted: 3, stored: 1, duplicates: 0, rejected: 1 });
});

test('every line of a batch is in exactly one part of its pack, as a count of the lines one by one says', () => {
  // A line is the id of an event, or null for one that is none.
  const packs = fc.array(fc.array(fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e')), { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(packs, (lines) => {
      const events = lines.flatMap((own, offset) => own.flatMap((id, line) => (id === null ? [] : [event(id, offset, line)])));
      const rejections = lines.flatMap((own, offset) => own.flatMap((id, line) => (id === null ? [{ offset: BigInt(offset), line }] : [])));
      const { counting, duplicates } = decide(events, new Map(), ({ id }) => id);
      const accounts = accountPacks(
        lines.map((own, offset) => pack(offset, own.length)),
        counting,
        duplicates,
        rejections,
      );
      const seen = new Set<string>();
      const expected = lines.map((own) => {
        const counts = { accepted: own.length, stored: 0, duplicates: 0, rejected: 0 };
        for (const id of own) {
          if (id === null) counts.rejected += 1;
          else if (seen.has(id)) counts.duplicates += 1;
          else counts.stored += 1;
          if (id !== null) seen.add(id);
        }
        return counts;
      });
      expect(
        accounts.map(({ accepted, stored, duplicates: copies, rejected }) => ({ accepted, stored, duplicates: copies, rejected })),
      ).toEqual(expected);
      for (const { accepted, stored, duplicates: copies, rejected } of accounts) expect(stored + copies + rejected).toBe(accepted);
    }),
  );
});
