import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBatch, encodeBatch, framedSize } from './framing.ts';

const record = fc.record({
  key: fc.string({ unit: 'grapheme' }),
  value: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  headers: fc.dictionary(
    fc.string().filter((name) => name !== '__proto__'),
    fc.string({ unit: 'grapheme' }),
    { noNullPrototype: true },
  ),
});

test('records come back as they went in, and take the bytes foretold', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
      const payload = encodeBatch(records);
      expect(decodeBatch(payload)).toEqual(records);
      expect(payload.length).toBe(1 + records.reduce((sum, each) => sum + framedSize(each), 0));
    }),
  );
});

test('a cut batch is refused', () => {
  const payload = encodeBatch([{ key: 'k', value: Buffer.from('value'), headers: { a: 'b' } }]);
  expect(() => decodeBatch(payload.subarray(0, payload.length - 1))).toThrow('within a record');
});

test('a batch of another version is refused', () => {
  expect(() => decodeBatch(Buffer.of(9))).toThrow('version 9');
});
