import { existsSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { parseArgs } from 'node:util';
import { nearest } from '#kernel/nearest.ts';
import { UsageError } from '../usage-error.ts';
import { FIELDS, isTarget, type Mapping } from './event.ts';

export type FileFormat = 'ndjson' | 'csv';

export interface ImportOptions {
  readonly file: string;
  readonly format: FileFormat;
  /** Of the API, with `/v1`, without a slash at the end. */
  readonly url: string;
  readonly key: string;
  readonly mapping: Mapping;
  /** Events of one request. */
  readonly batch: number;
  /** Requests at a time. */
  readonly concurrency: number;
}

export const IMPORT_USAGE = `npm run import -- <file.ndjson|file.csv> [--url http://localhost:8080/v1] [--key sk_...] [--map column=field ...] [--set field=value ...] [--text column ...] [--batch 1000] [--concurrency 4]

Without --url the events go to the Local Mode that runs on the configured data directory, or to the configured port; without --key, its key is taken.
Fields: event_name, external_customer_id, event_id, timestamp, source, customer_id, properties.<key>; a column mapped to - is left out.
A line of NDJSON is an event as POST /v1/events takes it. Columns of a CSV that are no field and not mapped become properties of their own name;
blanks around a cell do not count. A property such as 1,000, which no meter reads as a number, is refused, unless --text names its column.
Either every line has a timestamp or none: an empty one is refused, and where no line has one, the events are of now.
--set gives a field to events that have none. An event without an event_id gets one made of what its line says and of how many lines before it say the same,
so that it counts once however often it is sent, also from a file in which other lines were repaired.
<file>.import-state.json keeps how far it has come, <file>.rejects.ndjson the lines that were refused.
Exit code 1: lines were refused, or it could not go on; 2: the command cannot be understood.`;

const FORMATS: Readonly<Record<string, FileFormat>> = { '.ndjson': 'ndjson', '.jsonl': 'ndjson', '.csv': 'csv' };
const MAX_BATCH = 1000;
const MAX_CONCURRENCY = 64;

/** What is asked where an argument does not say it. */
export interface ImportDefaults {
  /** Address of the API of this machine, without `/v1`. Throws UsageError when there is none. */
  readonly url: () => string;
  readonly key: () => string;
}

/** The arguments behind `npm run import --`; null when they ask for help. Throws UsageError. */
export function parseImportArguments(args: readonly string[], defaults: ImportDefaults): ImportOptions | null {
  const {
    values,
    positionals: [file, ...more],
  } = parsed(args);
  if (values.help === true) return null;
  if (file === undefined) throw new UsageError('Say which file.');
  if (more.length > 0) throw new UsageError(`One file at a time: what is ${JSON.stringify(more[0])}?`);
  const format = FORMATS[extname(file).toLowerCase()];
  if (format === undefined) throw new UsageError(`${file} is neither .ndjson (or .jsonl) nor .csv.`);
  if (!existsSync(file) || !statSync(file).isFile()) throw new UsageError(`There is no file ${file}.`);
  const columns = new Map(
    pairs('map', values.map).map(([column, target]) => {
      if (!isTarget(target) && target !== '-')
        throw new UsageError(`--map ${column}=${target}: there is no field ${JSON.stringify(target)}${meant(target)}`);
      return [column, target];
    }),
  );
  const constants = new Map(
    pairs('set', values.set).map(([target, value]) => {
      if (!isTarget(target) || target === 'event_id')
        throw new UsageError(
          `--set ${target}=...: there is no field ${JSON.stringify(target)} that all events could share${meant(target)}`,
        );
      return [target, value];
    }),
  );
  return {
    file,
    format,
    url: urlOf(values.url ?? `${defaults.url()}/v1`),
    key: values.key ?? defaults.key(),
    mapping: { columns, constants, texts: new Set(values.text) },
    batch: whole('batch', values.batch ?? String(MAX_BATCH), MAX_BATCH),
    concurrency: whole('concurrency', values.concurrency ?? '4', MAX_CONCURRENCY),
  };
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: text,
        key: text,
        batch: text,
        concurrency: text,
        map: { ...text, multiple: true },
        set: { ...text, multiple: true },
        text: { ...text, multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function meant(target: string): string {
  const near = nearest(target, FIELDS);
  return near === undefined ? '.' : `; did you mean ${near}?`;
}

function pairs(option: string, texts: readonly string[] = []): [string, string][] {
  return texts.map((text) => {
    const equals = text.lastIndexOf('=');
    const at = option === 'set' ? text.indexOf('=') : equals;
    if (at < 1 || at === text.length - 1)
      throw new UsageError(`--${option} ${text}: must look like ${option === 'set' ? 'field=value' : 'column=field'}.`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
}

function urlOf(text: string): string {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? ''))
    throw new UsageError(`--url ${text}: is not the address of an API, such as https://api.example.com/v1.`);
  return text.replace(/\/+$/, '');
}

function whole(option: string, text: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new UsageError(`--${option} ${text}: must be a whole number from 1 to ${most}.`);
  return value;
}
