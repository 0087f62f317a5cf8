import type { LogRecord } from './event-log.ts';

/**
 * A stored batch: one version byte, then per record three length-prefixed parts (unsigned 32 bit, big endian): key in
 * UTF-8, headers as a JSON object in UTF-8, value as it is. The number of records and their offsets stand in the row.
 */
const VERSION = 1;
const LENGTH_BYTES = 4;

export type FramedRecord = Pick<LogRecord, 'key' | 'value' | 'headers'>;

/** Bytes that a record takes within a batch. */
export function framedSize({ key, value, headers }: FramedRecord): number {
  return 3 * LENGTH_BYTES + Buffer.byteLength(key) + Buffer.byteLength(JSON.stringify(headers)) + value.length;
}

export function encodeBatch(records: readonly FramedRecord[]): Buffer {
  return Buffer.concat(batchParts(records));
}

/** The pieces of a stored batch in order, for a caller that joins several batches: values are large, and copied once then. */
export function batchParts(records: readonly FramedRecord[]): Buffer[] {
  const parts: Buffer[] = [Buffer.of(VERSION)];
  for (const { key, value, headers } of records) {
    for (const part of [Buffer.from(key, 'utf8'), Buffer.from(JSON.stringify(headers), 'utf8'), value]) {
      const length = Buffer.allocUnsafe(LENGTH_BYTES);
      length.writeUInt32BE(part.length);
      parts.push(length, part);
    }
  }
  return parts;
}

/** The records of a stored batch; values are views of `payload`. Throws when the bytes are not such a batch. */
export function decodeBatch(payload: Buffer): FramedRecord[] {
  if (payload[0] !== VERSION) throw new Error(`unknown version ${payload[0]} of a stored batch`);
  const records: FramedRecord[] = [];
  let at = 1;
  const part = (): Buffer => {
    const start = at + LENGTH_BYTES;
    const end = start + payload.readUInt32BE(at);
    if (end > payload.length) throw new Error('a stored batch ends within a record');
    at = end;
    return payload.subarray(start, end);
  };
  while (at < payload.length) {
    records.push({ key: part().toString('utf8'), headers: JSON.parse(part().toString('utf8')) as Record<string, string>, value: part() });
  }
  return records;
}
