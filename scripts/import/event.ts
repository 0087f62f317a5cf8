import { createHash } from 'node:crypto';
import { parseExactJson } from '#kernel/json.ts';

export type ImportEvent = Readonly<Record<string, unknown>>;

/** Where columns go, and what events get that lack a field. */
export interface Mapping {
  readonly columns: ReadonlyMap<string, string>;
  readonly constants: ReadonlyMap<string, string>;
}

/** What a line of a file says: cells by column of a CSV, or an object of NDJSON. */
export type Row = { readonly cells: readonly (readonly [column: string, cell: string])[] } | { readonly json: string };

const FIELDS = ['event_name', 'external_customer_id', 'event_id', 'timestamp', 'source', 'customer_id', 'properties'];
const PROPERTY = 'properties.';

/** A field of an event, or one of its properties. */
export function isTarget(name: string): boolean {
  return FIELDS.includes(name) || (name.startsWith(PROPERTY) && name.length > PROPERTY.length);
}

/** The event of a row. Throws an Error that says why it is none; whether the API takes it, the API says. */
export function eventOf(row: Row, { columns, constants }: Mapping, line: number, content: string): ImportEvent {
  const placed: [string, unknown][] =
    'cells' in row
      ? // An empty cell is an absent value.
        row.cells
          .filter(([, cell]) => cell !== '')
          .map(([column, cell]) => placeOfCell(columns.get(column) ?? (FIELDS.includes(column) ? column : `${PROPERTY}${column}`), cell))
      : Object.entries(objectOf(row.json)).map(([key, value]) => [columns.get(key) ?? key, value]);
  for (const [target, value] of constants)
    if (!placed.some(([name, given]) => name === target && given !== null && given !== '')) placed.push([target, value]);

  const fields = placed.filter(([target]) => target !== '-' && !target.startsWith(PROPERTY));
  const own = placed
    .filter(([target]) => target.startsWith(PROPERTY))
    .map(([target, value]) => [target.slice(PROPERTY.length), value] as const);
  const event = Object.fromEntries(fields);
  if (own.length > 0)
    event.properties = Object.fromEntries([...Object.entries(isObject(event.properties) ? event.properties : {}), ...own]);
  if (event.event_id === undefined || event.event_id === null || event.event_id === '') event.event_id = idOf(line, content);
  return event;
}

/**
 * The id of an event that has none: made of its line, so that a line that is sent again is the same event. The number of the line
 * belongs to it, because two lines that say the same are two events.
 */
export function idOf(line: number, content: string): string {
  return `import_${createHash('sha256').update(`${line}\n${content}`).digest('hex').slice(0, 40)}`;
}

function placeOfCell(target: string, cell: string): [string, unknown] {
  return [target, target === 'properties' ? objectOf(cell) : cell];
}

function objectOf(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    // Digits that a double would lose travel as text, as the API would keep them.
    value = parseExactJson(json);
  } catch (error) {
    throw new Error(`is not valid JSON: ${(error as Error).message}`);
  }
  if (!isObject(value)) throw new Error('must be a JSON object');
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
