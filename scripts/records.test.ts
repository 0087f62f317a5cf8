import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const folder = join(import.meta.dirname, '../docs/adr');
const files = readdirSync(folder).sort();

test('each record of a decision has a number of its own, which its title repeats', () => {
  expect(files.map((file) => file.slice(0, 4))).toEqual(files.map((_, index) => String(index + 1).padStart(4, '0')));
  for (const file of files) expect(readFileSync(join(folder, file), 'utf8')).toMatch(new RegExp(`^# ${file.slice(0, 4)}\\. `));
});

test('the first record lists all others', () => {
  const listed = [...readFileSync(join(folder, files[0] ?? ''), 'utf8').matchAll(/\]\((\d{4}-[\w-]+\.md)\)/g)].map(([, file]) => file);
  expect(listed).toEqual(files.slice(1));
});
