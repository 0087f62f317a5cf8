import { createHash } from 'node:crypto';
import type { FileFormat } from './arguments.ts';
import type { Row } from './event.ts';
import { Occurrences } from './occurrences.ts';
import { type FilePlace, readRows } from './rows.ts';

/**
 * Ids of events that have none: made of what the line says, and of how many lines before it say the same, because two equal lines are two events.
 * Where the line stands does not matter: a file of which a bad line was repaired or taken out gives the others the ids that they had.
 */
export class LineIds {
  readonly #file: string;
  readonly #format: FileFormat;
  readonly #from: FilePlace;
  #seen: Occurrences | undefined;

  /** For the lines behind a place of a file. */
  constructor(file: string, format: FileFormat, from: FilePlace) {
    this.#file = file;
    this.#format = format;
    this.#from = from;
  }

  /** The id of the next line without one. Lines come in the order of the file. */
  async next(row: Row): Promise<string> {
    this.#seen ??= await this.#before();
    const digest = digestOf(row);
    const before = this.#seen.before(digest);
    return `import_${digest.toString('hex').slice(0, 40)}${before === 0 ? '' : `_${before + 1}`}`;
  }

  /** The lines in front of the place: an earlier run sent them, and equal ones behind it go on counting. */
  async #before(): Promise<Occurrences> {
    const seen = new Occurrences();
    if (this.#from.bytes === 0) return seen;
    for await (const { row, end } of readRows(this.#file, this.#format, { bytes: 0, lines: 0 })) {
      if (end.bytes > this.#from.bytes) break;
      if (row !== null) seen.before(digestOf(row));
    }
    return seen;
  }
}

/** Of what a line says, so that other quotes, blanks around cells or line ends are the same. */
function digestOf(row: Row): Buffer {
  return createHash('sha256')
    .update('cells' in row ? JSON.stringify(row.cells) : row.json)
    .digest();
}
