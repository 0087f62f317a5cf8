import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

const WORDS = ['server.port', 'server.host', 'postgres.host', 'demo'];

test.each([
  ['servr.port', 'server.port'],
  ['SERVER.PORT', 'server.port'],
  ['server.hots', 'server.host'],
  ['sever.prot', 'server.port'],
  ['dem', 'demo'],
  ['dmo', 'demo'],
  ['de', undefined],
  ['clickhouse.url', undefined],
  ['', undefined],
])('%j means %j', (typed, meant) => {
  expect(nearest(typed, WORDS)).toBe(meant);
});

test('one edit of a word of five letters or more is always found', () => {
  const letter = fc.constantFrom(...'abcdefgh');
  fc.assert(
    fc.property(
      fc.array(letter, { minLength: 5, maxLength: 12 }),
      fc.nat(),
      letter,
      fc.constantFrom(0, 1, 2, 3),
      (word, at, other, kind) => {
        const place = at % (word.length - 1);
        const typed = [...word];
        if (kind === 0) typed.splice(place, 1);
        else if (kind === 1) typed.splice(place, 0, other);
        else if (kind === 2) typed.splice(place, 1, other);
        else typed.splice(place, 2, word[place + 1] ?? '', word[place] ?? '');
        expect(nearest(typed.join(''), ['zzzzzzzz', word.join('')])).toBe(word.join(''));
      },
    ),
  );
});
