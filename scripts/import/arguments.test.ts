import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { parseImportArguments } from './arguments.ts';

const folder = mkdtempSync(join(tmpdir(), 'flexprice-import-'));
const [csv, ndjson] = ['events.csv', 'events.ndjson'].map((name) => join(folder, name)) as [string, string];
for (const file of [csv, ndjson]) writeFileSync(file, '');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const parse = (...args: string[]) => parseImportArguments(args, { url: () => 'http://localhost:8123', key: () => 'sk_local' });

test.each([
  [[], 'Say which file'],
  [[csv, ndjson], 'One file at a time'],
  [['events.parquet'], 'neither .ndjson'],
  [['nowhere.csv'], 'There is no file'],
  [[csv, '--batch', '0'], '--batch'],
  [[csv, '--batch', '1001'], '--batch'],
  [[csv, '--concurrency', 'x'], '--concurrency'],
  [[csv, '--url', 'localhost'], '--url'],
  [[csv, '--url', 'ftp://x/v1'], '--url'],
  [[csv, '--map', 'a'], 'column=field'],
  [[csv, '--map', 'a=nothing'], 'no field "nothing"'],
  [[csv, '--map', 'a=properties.'], 'no field'],
  [[csv, '--set', 'event_id=1'], 'no field "event_id"'],
  [[csv, '--set', 'source='], 'field=value'],
  [[csv, '--what'], '--what'],
  [[csv, '--map', 'a=event_nam'], 'did you mean event_name?'],
  [[csv, '--set', 'evnt_name=x'], 'did you mean event_name?'],
])('%j cannot be understood', (args, why) => {
  expect(() => parse(...args)).toThrow(UsageError);
  expect(() => parse(...args)).toThrow(why);
});

test.each([[['--help']], [['-h']], [[csv, '--help', '--batch', '1']]])('%j asks for help', (args) => {
  expect(parse(...args)).toBeNull();
});

test('an address or a key that is given is not looked for', () => {
  const asked = (): string => {
    throw new UsageError('There is no Local Mode running here.');
  };
  expect(parseImportArguments([csv, '--url', 'http://a/v1', '--key', 'k'], { url: asked, key: asked })).toMatchObject({
    url: 'http://a/v1',
    key: 'k',
  });
  expect(() => parseImportArguments([csv], { url: asked, key: asked })).toThrow('no Local Mode');
});

test('options have defaults', () => {
  expect(parse(csv)).toMatchObject({ format: 'csv', url: 'http://localhost:8123/v1', key: 'sk_local', batch: 1000, concurrency: 4 });
  expect(
    parse(
      ndjson,
      '--url',
      'https://api.example.com/v1/',
      '--key',
      'sk_x',
      '--batch',
      '10',
      '--concurrency',
      '2',
      '--map',
      'a=b=event_name',
      '--map',
      'x=-',
      '--set',
      'source=a=b',
      '--text',
      'zip',
    ),
  ).toMatchObject({
    format: 'ndjson',
    url: 'https://api.example.com/v1',
    key: 'sk_x',
    batch: 10,
    concurrency: 2,
    mapping: {
      columns: new Map([
        ['a=b', 'event_name'],
        ['x', '-'],
      ]),
      constants: new Map([['source', 'a=b']]),
      texts: new Set(['zip']),
    },
  });
});
