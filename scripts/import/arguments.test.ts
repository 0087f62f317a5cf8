import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { parseImportArguments } from './arguments.ts';
import { eventOf, idOf } from './event.ts';

const folder = mkdtempSync(join(tmpdir(), 'flexprice-import-'));
const [csv, ndjson] = ['events.csv', 'events.ndjson'].map((name) => join(folder, name)) as [string, string];
for (const file of [csv, ndjson]) writeFileSync(file, '');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const parse = (...args: string[]) => parseImportArguments(args, () => 'sk_local');

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
])('%j cannot be understood', (args, why) => {
  expect(() => parse(...args)).toThrow(UsageError);
  expect(() => parse(...args)).toThrow(why);
});

test('options have defaults', () => {
  expect(parse(csv)).toMatchObject({ format: 'csv', url: 'http://localhost:8080/v1', key: 'sk_local', batch: 1000, concurrency: 4 });
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
    },
  });
});

const plain = { columns: new Map<string, string>(), constants: new Map<string, string>() };

test('columns become fields, properties, what they are mapped to, or nothing', () => {
  const mapping = {
    columns: new Map([
      ['user', 'external_customer_id'],
      ['note', '-'],
      ['size', 'properties.bytes'],
    ]),
    constants: new Map([
      ['event_name', 'call'],
      ['source', 'csv'],
    ]),
  };
  expect(
    eventOf(
      {
        cells: [
          ['user', 'c1'],
          ['event_id', 'e1'],
          ['source', ''],
          ['note', 'x'],
          ['size', '12345678901234567890.5'],
          ['model', 'm'],
          ['empty', ''],
        ],
      },
      mapping,
      1,
      '',
    ),
  ).toEqual({
    external_customer_id: 'c1',
    event_id: 'e1',
    event_name: 'call',
    source: 'csv',
    properties: { bytes: '12345678901234567890.5', model: 'm' },
  });
  expect(
    eventOf(
      {
        cells: [
          ['properties', '{"a":1}'],
          ['b', '2'],
          ['event_id', 'e'],
        ],
      },
      plain,
      1,
      '',
    ).properties,
  ).toEqual({ a: 1, b: '2' });
});

test('a line of NDJSON is the event; its digits survive, and keys may be mapped', () => {
  expect(eventOf({ json: '{"event_id":"e","properties":{"v":9007199254740993.5,"w":1.5}}' }, plain, 1, '')).toEqual({
    event_id: 'e',
    properties: { v: '9007199254740993.5', w: 1.5 },
  });
  expect(
    eventOf(
      { json: '{"id":"e","tokens":3,"properties":{"a":1}}' },
      {
        ...plain,
        columns: new Map([
          ['id', 'event_id'],
          ['tokens', 'properties.tokens'],
        ]),
      },
      1,
      '',
    ),
  ).toEqual({ event_id: 'e', properties: { a: 1, tokens: 3 } });
  for (const json of ['{', '[]', 'null', '3']) expect(() => eventOf({ json }, plain, 1, json)).toThrow(/JSON/);
});

test('an event without an id gets that of its line: the same for the same line, another for another', () => {
  const id = (line: number, json: string) => eventOf({ json }, plain, line, json).event_id;
  expect(id(1, '{"a":1}')).toBe(idOf(1, '{"a":1}'));
  expect(id(1, '{"a":1}')).toMatch(/^import_[0-9a-f]{40}$/);
  expect(new Set([id(1, '{"a":1}'), id(2, '{"a":1}'), id(1, '{"a":2}'), id(1, '{"event_id":"","a":1}')]).size).toBe(4);
});
