import type { LogMessage, ReadOptions } from './event-log.ts';

export const READ_MAX_BYTES = 1024 * 1024;

/** The first messages within the bounds of a read; one that exceeds the bytes by itself still comes, alone. */
export function bounded(
  messages: readonly LogMessage[],
  { limit, maxBytes = READ_MAX_BYTES }: Pick<ReadOptions, 'limit' | 'maxBytes'>,
): LogMessage[] {
  let bytes = 0;
  return messages.slice(0, limit).filter(({ value }, index) => {
    bytes += value.length;
    return bytes <= maxBytes || index === 0;
  });
}
