import { gunzipSync, gzipSync } from 'node:zlib';
import type { LogRecord } from './event-log.ts';
import { decodeBatch, encodeBatch } from './framing.ts';
import { CONTENT, HEADERS } from './topics.ts';

/** An explicit partition travels among the headers, under a name that no header of ours has. */
const PARTITION = ' partition';
const NEWLINE = 0x0a;

/** Records as bytes, in the framing of the log in Postgres. */
export function encodeRecords(records: readonly LogRecord[]): Buffer {
  return encodeBatch(
    records.map(({ partition, headers, ...record }) => ({
      ...record,
      headers: partition === undefined ? headers : { ...headers, [PARTITION]: String(partition) },
    })),
  );
}

export function decodeRecords(payload: Buffer): LogRecord[] {
  return decodeBatch(payload).map(({ headers: { [PARTITION]: partition, ...headers }, ...record }) => ({
    ...record,
    headers,
    ...(partition === undefined ? {} : { partition: Number(partition) }),
  }));
}

/**
 * Records as texts (gzip, base64) of at most `maxBytes` each. Records are kept whole where that is possible; a pack that
 * is too large is cut between two of its lines. Throws for what cannot be cut: a single line, or no pack.
 */
export function encodeAsTexts(
  records: readonly LogRecord[],
  maxBytes: number,
): { readonly records: readonly LogRecord[]; readonly text: string }[] {
  if (records.length === 0) return [];
  const text = gzipSync(encodeRecords(records)).toString('base64');
  if (text.length <= maxBytes) return [{ records, text }];
  return halve(records).flatMap((half) => encodeAsTexts(half, maxBytes));
}

export function decodeText(text: string): LogRecord[] {
  return decodeRecords(gunzipSync(Buffer.from(text, 'base64')));
}

function halve(records: readonly LogRecord[]): LogRecord[][] {
  const middle = Math.ceil(records.length / 2);
  const [only] = records;
  if (!only || records.length > 1) return [records.slice(0, middle), records.slice(middle)];
  return cutPack(only).map((half) => [half]);
}

function cutPack(pack: LogRecord): LogRecord[] {
  const { value, headers } = pack;
  const half = value.length >> 1;
  const end = value.at(-1) === NEWLINE ? value.length - 1 : value.length;
  const after = value.indexOf(NEWLINE, half);
  // The line break nearest behind the middle, or else the last one before it.
  const at = after >= 0 && after < end ? after : value.lastIndexOf(NEWLINE, half);
  if (headers[HEADERS.content] !== CONTENT.eventPack || at < 0)
    throw new Error(`a record of ${value.length} bytes is too large for the overflow and cannot be cut`);
  return [value.subarray(0, at), value.subarray(at + 1)].map((part) => ({ ...pack, value: part, headers: withCount(headers, part) }));
}

function withCount(headers: LogRecord['headers'], part: Buffer): LogRecord['headers'] {
  if (headers[HEADERS.count] === undefined) return headers;
  const lines = part
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '').length;
  return { ...headers, [HEADERS.count]: String(lines) };
}
