import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { FileFormat } from './arguments.ts';
import { LineIds } from './line-ids.ts';
import { type FilePlace, readRows } from './rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'flexprice-line-ids-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function idsOf(
  format: FileFormat,
  text: string,
  from: FilePlace = { bytes: 0, lines: 0 },
): Promise<{ id: string; end: FilePlace }[]> {
  const file = join(folder, `file.${format}`);
  writeFileSync(file, text);
  const ids = new LineIds(file, format, from);
  const found: { id: string; end: FilePlace }[] = [];
  for await (const { row, end } of readRows(file, format, from)) if (row !== null) found.push({ id: await ids.next(row), end });
  return found;
}
const ids = async (format: FileFormat, text: string): Promise<string[]> => (await idsOf(format, text)).map(({ id }) => id);

test('equal lines are events of their own, and a line keeps its id wherever it stands', async () => {
  const [first, twin, other] = await ids('ndjson', '{"a":1}\n{"a":1}\n{"a":2}\n');
  expect(first).toMatch(/^import_[0-9a-f]{40}$/);
  expect(twin).toBe(`${first}_2`);
  expect(other).toMatch(/^import_[0-9a-f]{40}$/);
  expect(await ids('ndjson', '{"a":2}\r\n\n{"bad"\n  {"a":1} \n{"a":1}')).toEqual([other, expect.any(String), first, twin]);
});

test('what a line says makes its id, not how it is quoted; its columns belong to it', async () => {
  const [id] = await ids('csv', 'a,b\n1,x\n');
  expect(await ids('csv', 'a, b\r\n" 1","x"\r\n')).toEqual([id]);
  expect(await ids('csv', 'b,a\n1,x\n')).not.toEqual([id]);
});

const line = fc.constantFrom('{"a":1}', '{"a":2}', '{"a":3}');

test('taking lines out, adding some or going on from any place never makes an event twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 20 }), fc.array(line, { maxLength: 6 }), fc.nat(), async (lines, more, at) => {
      const text = (list: readonly string[]): string => list.map((each) => `${each}\n`).join('');
      const all = await idsOf('ndjson', text(lines));
      expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
      const place = lines.length === 0 ? 0 : at % (lines.length + 1);

      // An oracle without hashes: of each line, how often it came before.
      const repaired = [...lines.slice(0, place), ...more, ...lines.slice(place)];
      const twins = (list: readonly string[]): string[] =>
        list.map((each, index) => `${each} ${list.slice(0, index).filter((one) => one === each).length}`);
      const idOf = new Map(twins(repaired).map((twin, index) => [twin, index]));
      const after = await ids('ndjson', text(repaired));
      expect(all.map(({ id }) => id)).toEqual(twins(lines).map((twin) => after[idOf.get(twin) ?? -1]));

      const end = all[place - 1]?.end;
      if (end !== undefined) expect(await idsOf('ndjson', text(lines), end)).toEqual(all.slice(place));
    }),
    { numRuns: 60 },
  );
});
