import { isUtf8 } from 'node:buffer';
import { DateTime } from 'luxon';
import { wireTime } from '#kernel/wire.ts';
import type { ListedLetter } from '../service/dead-letters.ts';

/** A message of the log may be 8 MiB, which an answer may not. */
const CONTENT_BYTES = 512 * 1024;

/** A letter without what was sent. */
export function letterToWire({ letter, redrive }: ListedLetter): Record<string, unknown> {
  const ingestedAt = DateTime.fromISO(letter.headers.ingested_at ?? '', { zone: 'utc' });
  return {
    id: `${letter.topic}:${letter.partition}:${letter.offset}`,
    status: redrive === null ? 'open' : 'redriven',
    reason: letter.reason,
    message: letter.detail,
    ...(letter.failedAt === null ? {} : { failed_at: wireTime(letter.failedAt) }),
    ...(ingestedAt.isValid ? { ingested_at: wireTime(ingestedAt) } : {}),
    size_bytes: letter.value.length,
    ...(redrive === null ? {} : { redriven_at: wireTime(redrive.redrivenAt), redriven_by: redrive.redrivenBy }),
  };
}

/** A letter with what was sent. */
export function letterContentToWire(listed: ListedLetter): Record<string, unknown> {
  const { value } = listed.letter;
  const shown = value.subarray(0, CONTENT_BYTES);
  return {
    ...letterToWire(listed),
    content: shown.toString('utf8'),
    content_truncated: value.length > CONTENT_BYTES,
    // Bytes that are no text would come out of the text as something else.
    ...(isUtf8(value) ? {} : { content_base64: shown.toString('base64') }),
  };
}
