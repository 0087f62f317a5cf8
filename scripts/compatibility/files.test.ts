import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compatibilityFiles } from './files.ts';

const files = await compatibilityFiles();

test.each(Object.keys(files))('%s is current; `npm run compatibility` writes it anew', (path) => {
  expect(readFileSync(join(import.meta.dirname, '../..', path), 'utf8')).toBe(files[path]);
});
