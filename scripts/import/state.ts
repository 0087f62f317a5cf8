import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import * as z from 'zod';
import { ImportFailed, type Reject } from './send.ts';
import type { FilePlace } from './rows.ts';

/** How far an import has come: all up to the place was accepted or written to the rejects. */
const stateSchema = z.object({
  version: z.literal(2),
  url: z.string(),
  /** Of the SHA-256 of the key: another one may be of another environment. */
  key: z.string(),
  bytes: z.int(),
  lines: z.int(),
  accepted: z.int(),
  rejected: z.int(),
  /** Size of the rejects file: what was written behind it belongs to lines that will be sent again. */
  rejects_bytes: z.int(),
  /** Of the first bytes of the file, to know it again. */
  head_bytes: z.int(),
  head_sha256: z.string(),
});
export type ImportState = z.infer<typeof stateSchema>;

const HEAD_BYTES = 4096;
const KEY_DIGITS = 16;

export interface ImportProgress {
  readonly state: ImportState;
  /** Whether an earlier run had come so far. */
  readonly resumed: boolean;
  /** Notes that everything up to a place is done, with the lines of it that were refused. */
  advance(to: FilePlace, accepted: number, rejects: readonly Reject[]): void;
}

export function stateFileOf(file: string): string {
  return `${file}.import-state.json`;
}

export function rejectsFileOf(file: string): string {
  return `${file}.rejects.ndjson`;
}

/** The progress of a file towards an API: where an earlier run stopped, or the front. Throws ImportFailed when the file is not what it was. */
export function openProgress(file: string, api: { readonly url: string; readonly key: string }): ImportProgress {
  const [stateFile, rejectsFile] = [stateFileOf(file), rejectsFileOf(file)];
  const before = readState(stateFile);
  const headBytes = before === null ? Math.min(HEAD_BYTES, statSync(file).size) : before.head_bytes;
  const head = createHash('sha256').update(firstBytes(file, headBytes)).digest('hex');
  const { url } = api;
  const key = createHash('sha256').update(api.key).digest('hex').slice(0, KEY_DIGITS);
  if (before !== null && before.url !== url)
    throw new ImportFailed(`${stateFile} is of an import to ${before.url}. Delete it to import the file to ${url} from the front.`);
  if (before !== null && before.key !== key)
    throw new ImportFailed(
      `${stateFile} is of an import with another key, perhaps of another environment. Delete it to import the file with this one from the front: what was sent before counts once.`,
    );
  if (before !== null && (before.head_sha256 !== head || statSync(file).size < before.bytes))
    throw new ImportFailed(`${file} is not the file any more that ${stateFile} speaks of. Delete that one to import from the front.`);
  let state: ImportState = before ?? {
    version: 2,
    url,
    key,
    bytes: 0,
    lines: 0,
    accepted: 0,
    rejected: 0,
    rejects_bytes: 0,
    head_bytes: headBytes,
    head_sha256: head,
  };

  if (existsSync(rejectsFile)) {
    if (state.rejects_bytes === 0) rmSync(rejectsFile);
    else if (statSync(rejectsFile).size > state.rejects_bytes) truncateSync(rejectsFile, state.rejects_bytes);
  }
  return {
    get state() {
      return state;
    },
    resumed: before !== null,
    advance({ bytes, lines }, accepted, rejects) {
      const text = rejects.map((reject) => `${JSON.stringify(reject)}\n`).join('');
      if (text !== '') appendFileSync(rejectsFile, text);
      state = {
        ...state,
        bytes,
        lines,
        accepted: state.accepted + accepted,
        rejected: state.rejected + rejects.length,
        rejects_bytes: state.rejects_bytes + Buffer.byteLength(text),
      };
      // Whoever reads it sees a whole state, the old one or the new one.
      writeFileSync(`${stateFile}.new`, `${JSON.stringify(state, null, 2)}\n`);
      renameSync(`${stateFile}.new`, stateFile);
    },
  };
}

function readState(file: string): ImportState | null {
  if (!existsSync(file)) return null;
  try {
    return stateSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    throw new ImportFailed(`${file} cannot be read. Delete it to import from the front.`);
  }
}

function firstBytes(file: string, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  const handle = openSync(file, 'r');
  try {
    return buffer.subarray(0, readSync(handle, buffer, 0, length, 0));
  } finally {
    closeSync(handle);
  }
}
