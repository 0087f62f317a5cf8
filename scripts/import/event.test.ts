import { describe, expect, test } from 'vitest';
import { eventOf, hasTimestamps, type Mapping, type Row } from './event.ts';

const PLAIN: Mapping = { columns: new Map(), constants: new Map(), texts: new Set() };
const cells = (record: Readonly<Record<string, string>>): Row => ({ cells: Object.entries(record) });
const of = (row: Row, mapping: Partial<Mapping> = {}, timed = false) => eventOf(row, { ...PLAIN, ...mapping }, timed);

describe('rows of a CSV', () => {
  test('columns become fields, properties, what they are mapped to, or nothing', () => {
    const row = cells({ user: 'c1', event_id: 'e1', source: '', note: 'x', size: '12345678901234567890.5', model: 'm', empty: '' });
    const columns = new Map([
      ['user', 'external_customer_id'],
      ['note', '-'],
      ['size', 'properties.bytes'],
    ]);
    const constants = new Map([
      ['event_name', 'call'],
      ['source', 'csv'],
    ]);
    expect(of(row, { columns, constants })).toEqual({
      external_customer_id: 'c1',
      event_id: 'e1',
      event_name: 'call',
      source: 'csv',
      properties: { bytes: '12345678901234567890.5', model: 'm' },
    });
    expect(of(cells({ properties: '{"a":1}', b: '2' }))).toEqual({ properties: { a: 1, b: '2' } });
    expect(Object.entries(of(cells({ constructor: '1', toString: '2' })).properties as object)).toEqual([
      ['constructor', '1'],
      ['toString', '2'],
    ]);
  });

  test.each([
    '1,000',
    '12,345,678',
    '-1,000',
    '1,000.5',
    '1 000',
    '1\u00a0000',
    '1\u202f000,5',
    "1'000",
    '1_000',
    '1.000,5',
    '1,5',
    '1000,5',
  ])('%j, a number to people and text to every meter, is refused by name', (cell) => {
    expect(() => of(cells({ tokens: cell }))).toThrow(`${JSON.stringify(cell)} is no number to a meter`);
    expect(() => of(cells({ n: cell }), { columns: new Map([['n', 'properties.tokens']]) })).toThrow(
      expect.objectContaining({ field: 'properties.tokens' }) as Error,
    );
    expect(of(cells({ tokens: cell }), { texts: new Set(['tokens']) })).toEqual({ properties: { tokens: cell } });
  });

  test.each(['1000', '1000.5', '1e3', '-0.5', '10.0.0.1', '1.2.3', '2026-01-31', '12:30', 'a,b', '1,2,3', 'Rome, 1000', ''])(
    '%j is what it is',
    (cell) => {
      expect(of(cells({ value: cell }))).toEqual(cell === '' ? {} : { properties: { value: cell } });
    },
  );

  test('ids of customers and events may look like anything', () => {
    expect(of(cells({ external_customer_id: '1,000', event_id: '1 000' }))).toEqual({ external_customer_id: '1,000', event_id: '1 000' });
  });

  test('a cell below no name is not lost', () => {
    expect(() => of(cells({ a: '1', '': 'x' }))).toThrow('cell 2 stands below a column without a name');
    expect(of(cells({ a: '1', '': '' }))).toEqual({ properties: { a: '1' } });
  });
});

describe('lines of NDJSON', () => {
  test('are the event; their digits survive, and keys may be mapped', () => {
    expect(of({ json: '{"event_id":"e","properties":{"v":9007199254740993.5,"w":1.5}}' })).toEqual({
      event_id: 'e',
      properties: { v: '9007199254740993.5', w: 1.5 },
    });
    const columns = new Map([
      ['id', 'event_id'],
      ['tokens', 'properties.tokens'],
    ]);
    expect(of({ json: '{"id":"e","tokens":3,"properties":{"a":1}}' }, { columns })).toEqual({
      event_id: 'e',
      properties: { a: 1, tokens: 3 },
    });
    expect(() => of({ json: '{"id":"e","event_id":"f"}' }, { columns })).toThrow(expect.objectContaining({ field: 'event_id' }) as Error);
  });

  test.each(['{', '[]', 'null', '3'])('%s is none', (json) => {
    expect(() => of({ json })).toThrow(/JSON/);
  });
});

describe('timestamps', () => {
  const columns = new Map([['when', 'timestamp']]);

  test.each([
    [cells({ timestamp: '', a: '1' }), true],
    [cells({ when: '2026-01-01T00:00:00Z' }), true],
    [cells({ a: '1' }), false],
    [{ json: '{"timestamp":"2026-01-01T00:00:00Z"}' }, true],
    [{ json: '{"timestamp":null}' }, true],
    [{ json: '{"event_name":"a"}' }, false],
  ])('%j: there are some: %s', (row, are) => {
    expect(hasTimestamps(row, { ...PLAIN, columns })).toBe(are);
  });

  test.each([
    cells({ timestamp: '', a: '1' }),
    { json: '{"timestamp":""}' },
    { json: '{"timestamp":"  "}' },
    { json: '{"timestamp":null}' },
    { json: '{"event_name":"a"}' },
  ])('%j is refused where the file has them', (row) => {
    expect(() => of(row, {}, true)).toThrow(expect.objectContaining({ field: 'timestamp' }) as Error);
    expect(of(row, { constants: new Map([['timestamp', '2026-01-01T00:00:00Z']]) }, true)).toMatchObject({
      timestamp: '2026-01-01T00:00:00Z',
    });
  });

  test('where no line has one, events are of now', () => {
    expect(of(cells({ a: '1' }))).toEqual({ properties: { a: '1' } });
    expect(of({ json: '{"event_name":"a"}' })).toEqual({ event_name: 'a' });
  });
});
