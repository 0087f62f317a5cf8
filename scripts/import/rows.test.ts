import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { FileFormat } from './arguments.ts';
import { type FilePlace, type FileRow, readRows } from './rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'flexprice-rows-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const FRONT: FilePlace = { bytes: 0, lines: 0 };

async function rows(format: FileFormat, text: string, from: FilePlace = FRONT): Promise<FileRow[]> {
  const file = join(folder, `file.${format}`);
  writeFileSync(file, text);
  const found: FileRow[] = [];
  for await (const row of readRows(file, format, from)) found.push(row);
  return found;
}

test('lines of NDJSON, with empty ones between, with and without a last line end', async () => {
  for (const end of ['', '\n', '\r\n', '\n\n']) {
    const found = await rows('ndjson', `\uFEFF{"a":1}\r\n\n  \n{"é":2}${end}`);
    expect(found.map(({ line, row }) => [line, row])).toEqual([
      [1, { json: '{"a":1}' }],
      [4, { json: '{"é":2}' }],
    ]);
  }
  expect(await rows('ndjson', '')).toEqual([]);
});

test('blanks around cells and columns do not count, quoted or not', async () => {
  const found = await rows('csv', ' a ,"b "\n 7,5 \n" x "\t,\u00a0\n8, "y, z"\n');
  expect(found.map(({ row }) => row)).toEqual([
    {
      cells: [
        ['a', '7'],
        ['b', '5'],
      ],
    },
    {
      cells: [
        ['a', 'x'],
        ['b', ''],
      ],
    },
    {
      cells: [
        ['a', '8'],
        ['b', 'y, z'],
      ],
    },
  ]);
});

test('rows of a CSV: quotes, line ends within cells, empty lines, and a wrong number of cells', async () => {
  const found = await rows('csv', '\uFEFFa, b\r\n1,"x\ny ""q"""\r\n\r\n3\r\n4,5,6\n"7",é');
  expect(found.map(({ line, row, problem }) => [line, row === null ? problem : 'cells' in row ? row.cells : row])).toEqual([
    [
      2,
      [
        ['a', '1'],
        ['b', 'x\ny "q"'],
      ],
    ],
    [5, 'has 1 cells where the header has 2'],
    [6, 'has 3 cells where the header has 2'],
    [
      7,
      [
        ['a', '7'],
        ['b', 'é'],
      ],
    ],
  ]);
  expect(await rows('csv', '')).toEqual([]);
  expect(await rows('csv', 'a,b\n')).toEqual([]);
  await expect(rows('csv', 'a,b\n1,2\n3,"open')).rejects.toThrow('cannot be read as CSV behind line 2');
});

const cell = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('', 'a"b', 'x\ny', 'ü,', ' z '));
const csvText = fc
  .tuple(fc.array(fc.tuple(cell, cell), { maxLength: 30 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
  .map(
    ([list, eol, last]) =>
      [
        'one,two',
        ...list.map((pair) => pair.map((value) => `"${value.replaceAll('"', '""')}"`).join(',') + (pair[0] === '' ? eol : '')),
      ].join(eol) + (last ? eol : ''),
  );
const ndjsonText = fc
  .tuple(fc.array(fc.oneof(fc.json(), fc.constantFrom('', '  ', '{"a":"ü"}')), { maxLength: 30 }), fc.constantFrom('\n', '\r\n'))
  .map(([list, eol]) => list.join(eol));

test.each([
  ['csv', csvText],
  ['ndjson', ndjsonText],
] as const)('reading %s on from behind any row gives the same rest: the ids of events depend on it', async (format, texts) => {
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      const all = await rows(format, text);
      for (const [index, { end }] of all.entries()) expect(await rows(format, text, end)).toEqual(all.slice(index + 1));
    }),
    { numRuns: 60 },
  );
});
