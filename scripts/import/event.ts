import { parseExactJson } from '#kernel/json.ts';

export type ImportEvent = Readonly<Record<string, unknown>>;

/** Where columns go, and what events get that lack a field. */
export interface Mapping {
  readonly columns: ReadonlyMap<string, string>;
  readonly constants: ReadonlyMap<string, string>;
  /** Columns whose cells are text, whatever they look like. */
  readonly texts: ReadonlySet<string>;
}

/** What a line of a file says: cells by column of a CSV, without blanks around them, or an object of NDJSON. */
export type Row = { readonly cells: readonly (readonly [column: string, cell: string])[] } | { readonly json: string };

/** A line that is not sent, and which part of it is to blame. */
export class RefusedLine extends Error {
  readonly field: string;

  constructor(reason: string, field = 'line') {
    super(reason);
    this.field = field;
  }
}

/** Fields of an event. */
export const FIELDS = ['event_name', 'external_customer_id', 'event_id', 'timestamp', 'source', 'customer_id', 'properties'];
const PROPERTY = 'properties.';
/** Numbers as people and spreadsheets write them, which no meter reads as numbers: 1,000 and 1 000.5, 1.000,5 and 1,5. */
const SEPARATED = [
  /^[+-]?\d{1,3}([,'_ \u00a0\u2009\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d+)?$/,
  /^[+-]?\d{1,3}(?:\.\d{3})+,\d+$/,
  /^[+-]?\d+,\d+$/,
];

/** A field of an event, or one of its properties. */
export function isTarget(name: string): boolean {
  return FIELDS.includes(name) || (name.startsWith(PROPERTY) && name.length > PROPERTY.length);
}

/** The field that a column of a CSV fills. */
export function targetOf(column: string, { columns }: Mapping): string {
  return columns.get(column) ?? (FIELDS.includes(column) ? column : `${PROPERTY}${column}`);
}

/** Whether rows like this one, the first of its file, say when their events were. */
export function hasTimestamps(row: Row, mapping: Mapping): boolean {
  return 'cells' in row
    ? row.cells.some(([column]) => targetOf(column, mapping) === 'timestamp')
    : Object.keys(objectOf(row.json)).some((key) => (mapping.columns.get(key) ?? key) === 'timestamp');
}

/**
 * The event of a row, without an id where the row names none. Throws RefusedLine for what is no event; whether the API takes it, the API says.
 * `timed`: the rows of the file have timestamps, so that one without is a gap and not "now".
 */
export function eventOf(row: Row, mapping: Mapping, timed: boolean): ImportEvent {
  const given = 'cells' in row ? cellsOf(row.cells, mapping) : keysOf(row.json, mapping);
  const filled = new Set(given.filter(([, value]) => !isBlank(value)).map(([target]) => target));
  const constants = [...mapping.constants].filter(([target]) => !filled.has(target));
  const placed = [...given.filter(([target]) => !constants.some(([name]) => name === target)), ...constants];

  const targets = placed.map(([target]) => target).filter((target) => target !== '-');
  const twice = targets.find((target, index) => targets.indexOf(target) !== index);
  if (twice !== undefined) throw new RefusedLine('is given twice', twice);

  const fields = placed.filter(([target]) => target !== '-' && !target.startsWith(PROPERTY));
  const own = placed
    .filter(([target]) => target.startsWith(PROPERTY))
    .map(([target, value]) => [target.slice(PROPERTY.length), value] as const);
  const event = Object.fromEntries(fields);
  if (own.length > 0)
    event.properties = Object.fromEntries([...Object.entries(isObject(event.properties) ? event.properties : {}), ...own]);
  if (isBlank(event.timestamp) && (timed || event.timestamp !== undefined))
    throw new RefusedLine('is empty: only where no line of the file has one, events are of now', 'timestamp');
  return event;
}

function cellsOf(cells: readonly (readonly [string, string])[], mapping: Mapping): [string, unknown][] {
  // An empty cell is an absent value.
  return cells.flatMap(([column, cell], index): [string, unknown][] => {
    if (cell === '') return [];
    if (column === '') throw new RefusedLine(`cell ${index + 1} stands below a column without a name`);
    const target = targetOf(column, mapping);
    if (target === 'properties') return [[target, objectOf(cell)]];
    if (target.startsWith(PROPERTY) && !mapping.texts.has(column) && SEPARATED.some((form) => form.test(cell)))
      throw new RefusedLine(
        `${JSON.stringify(cell)} is no number to a meter: write 1000.5 without separators, or say --text ${JSON.stringify(column)}`,
        target,
      );
    return [[target, cell]];
  });
}

function keysOf(json: string, { columns }: Mapping): [string, unknown][] {
  return Object.entries(objectOf(json)).map(([key, value]) => [columns.get(key) ?? key, value]);
}

function objectOf(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    // Digits that a double would lose travel as text, as the API would keep them.
    value = parseExactJson(json);
  } catch (error) {
    throw new RefusedLine(`is not valid JSON: ${(error as Error).message}`);
  }
  if (!isObject(value)) throw new RefusedLine('must be a JSON object');
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value says nothing: absent, null, or a text of blanks. */
export function isBlank(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}
