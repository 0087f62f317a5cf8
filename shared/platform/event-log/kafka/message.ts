import type { IHeaders, KafkaMessage } from 'kafkajs';
import { DateTime } from 'luxon';
import type { LogMessage } from '../event-log.ts';

/** A message of kafkajs as the port has it. */
export function toLogMessage({ offset, key, value, headers = {}, timestamp }: KafkaMessage): LogMessage {
  return {
    offset: BigInt(offset),
    key: key?.toString('utf8') ?? '',
    value: value ?? Buffer.alloc(0),
    headers: textHeaders(headers),
    timestamp: DateTime.fromMillis(Number(timestamp), { zone: 'utc' }),
  };
}

function textHeaders(headers: IHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(Array.isArray(value) ? value[0] : (value ?? ''))]),
  );
}
