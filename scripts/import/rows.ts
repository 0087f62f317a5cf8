import { createReadStream } from 'node:fs';
import { type Options, parse } from 'csv-parse';
import type { FileFormat } from './arguments.ts';
import type { Row } from './event.ts';
import { ImportFailed } from './send.ts';

/** A place between two rows of a file. */
export interface FilePlace {
  readonly bytes: number;
  readonly lines: number;
}

/** One row of a file. */
export interface FileRow {
  /** Of its first line, from 1. */
  readonly line: number;
  readonly content: string;
  /** Null for a row that cannot be read, with the reason. */
  readonly row: Row | null;
  readonly problem?: string;
  /** The place behind it. */
  readonly end: FilePlace;
}

const NEWLINE = 10;
/** No event of ours is larger; a file without line ends would otherwise have to fit into memory. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;
const BOM = '\uFEFF';

/** The rows of a file from a place on. Empty lines are none. Reads as it goes, so a file may have any size. */
export function readRows(file: string, format: FileFormat, from: FilePlace): AsyncGenerator<FileRow, void, undefined> {
  return format === 'csv' ? csvRows(file, from) : ndjsonRows(file, from);
}

async function* ndjsonRows(file: string, from: FilePlace): AsyncGenerator<FileRow, void, undefined> {
  let { bytes, lines } = from;
  const rowOf = (line: Buffer, ended: boolean): FileRow => {
    const content = line.toString('utf8').replace(/\r$/, '');
    [bytes, lines] = [bytes + line.length + (ended ? 1 : 0), lines + 1];
    return {
      line: lines,
      content,
      row: { json: (lines === 1 && content.startsWith(BOM) ? content.slice(1) : content).trim() },
      end: { bytes, lines },
    };
  };
  let rest: Buffer[] = [];
  let held = 0;
  for await (const chunk of createReadStream(file, { start: from.bytes }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, start)) {
      const row = rowOf(Buffer.concat([...rest, chunk.subarray(start, at)]), true);
      [rest, held, start] = [[], 0, at + 1];
      if (row.content.trim() !== '') yield row;
    }
    rest.push(chunk.subarray(start));
    held += chunk.length - start;
    if (held > MAX_LINE_BYTES) throw new ImportFailed(`Line ${lines + 1} is longer than 32 MiB: is this NDJSON?`);
  }
  if (held > 0) {
    const row = rowOf(Buffer.concat(rest), false);
    if (row.content.trim() !== '') yield row;
  }
}

/** What csv-parse gives with `info` and `raw`. */
interface CsvRecord {
  readonly record: readonly string[];
  readonly raw: string;
  readonly info: { readonly bytes: number; readonly lines: number };
}
/** Line ends are named: found out by csv-parse, they would depend on the row that reading begins with. */
const CSV: Options = {
  record_delimiter: ['\r\n', '\n'],
  bom: true,
  info: true,
  raw: true,
  relax_column_count: true,
  relax_quotes: true,
  skip_empty_lines: true,
  // Blanks between a comma and a quote.
  trim: true,
  max_record_size: MAX_LINE_BYTES,
};

async function* csvRows(file: string, from: FilePlace): AsyncGenerator<FileRow, void, undefined> {
  const header = await columnsOf(file);
  if (header === null) return;
  const base = from.bytes === 0 ? { bytes: 0, lines: 0 } : from;
  let lines = base.lines;
  let isHeader = from.bytes === 0;
  const records = createReadStream(file, { start: base.bytes }).pipe(parse(CSV)) as AsyncIterable<CsvRecord>;
  try {
    for await (const { record, raw, info } of records) {
      const end = { bytes: base.bytes + info.bytes, lines: base.lines + info.lines };
      lines = end.lines;
      if (isHeader) {
        isHeader = false;
        continue;
      }
      const content = raw.replace(/^[\r\n]+|[\r\n]+$/g, '');
      const line = lines - content.split('\n').length + 1;
      const problem = record.length === header.length ? undefined : `has ${record.length} cells where the header has ${header.length}`;
      yield {
        line,
        content,
        end,
        row: problem === undefined ? { cells: header.map((column, index) => [column, record[index]?.trim() ?? ''] as const) } : null,
        ...(problem === undefined ? {} : { problem }),
      };
    }
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('CSV_'))
      throw new ImportFailed(`The file cannot be read as CSV behind line ${lines}: ${(error as Error).message}`);
    throw error;
  }
}

/** The columns of a CSV, without blanks around them; null for an empty file. */
export async function columnsOf(file: string): Promise<readonly string[] | null> {
  const stream = createReadStream(file);
  for await (const { record } of stream.pipe(parse({ ...CSV, to: 1 })) as AsyncIterable<CsvRecord>) {
    stream.destroy();
    return record.map((column) => column.trim());
  }
  return null;
}
