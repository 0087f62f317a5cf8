import type { DateTime } from 'luxon';
import { wireTime } from '#kernel/wire.ts';
import { ok, type Reply } from '#platform/http/route.ts';

/** A usage answer with the acceptance time up to which it is complete; without the header nothing is stored yet. */
export function okUpTo(watermark: DateTime | null, body: unknown): Reply {
  return { ...ok(body), ...(watermark === null ? {} : { headers: { 'X-Usage-Watermark': wireTime(watermark) } }) };
}
