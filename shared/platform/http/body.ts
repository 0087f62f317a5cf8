import { DomainError, invalid } from '#kernel/errors.ts';
import { parseExactJson } from '#kernel/json.ts';
import type { HttpRequest, Unread } from './request.ts';

/** 32 MiB, padding included (metering.md 1.3). */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Of somebody who has no key: room for what is sent to an operation that takes none. */
export const MAX_UNKNOWN_BODY_BYTES = 1024 * 1024;

const MARK = '\uFEFF';

/** Throws DomainError for a body that was not read, and for one that is packed: nobody could tell what it says. */
export function assertRead({ body, unread, headers }: Pick<HttpRequest, 'body' | 'unread' | 'headers'>): void {
  const packed = headers['content-encoding']?.trim().toLowerCase();
  if (packed && packed !== 'identity' && (body !== '' || unread !== undefined))
    throw new DomainError('unsupported_media_type', `Content-Encoding: ${packed} is not taken, send the body as it is`, {
      field: 'Content-Encoding',
    });
  if (unread !== undefined) throw refusalOf(unread);
  if (Buffer.byteLength(body) > MAX_BODY_BYTES) throw refusalOf('too_large');
}

function refusalOf(unread: Unread): DomainError {
  switch (unread) {
    case 'too_large':
      return new DomainError('validation_error', 'request body too large', { field: 'body', limit_bytes: MAX_BODY_BYTES });
    case 'unknown_sender':
      return new DomainError('validation_error', 'request body too large for a request without a key', {
        field: 'body',
        limit_bytes: MAX_UNKNOWN_BODY_BYTES,
      });
    case 'busy':
      return new DomainError('service_unavailable', 'too many large requests are under way, try again', { field: 'body' });
  }
}

/** Half of a character can only be written as an escape: everything else that is UTF-8 is whole. */
const MAY_HOLD_HALVES = /\\u[dD][89a-fA-F]/;

/**
 * The JSON of a body, {} where it is empty. Throws a validation error for what is not UTF-8 or not JSON, or holds half a
 * character: no engine could keep it as it is, and two ids that differ in it alone would become one.
 */
export function bodyValue({ body, isText }: HttpRequest): unknown {
  if (!isText || !body.isWellFormed()) throw invalid('body', 'is not UTF-8');
  if (body.startsWith(MARK)) throw invalid('body', 'begins with a byte order mark, send it without one');
  let value: unknown;
  try {
    value = body.trim() === '' ? {} : parseExactJson(body);
  } catch {
    throw new DomainError('validation_error', 'invalid request payload', { field: 'body', reason: 'is not valid JSON' });
  }
  if (MAY_HOLD_HALVES.test(body)) {
    const place = placeOfHalf(value);
    if (place !== null) throw invalid(place || 'body', 'holds half of a character (a surrogate without its other half)');
  }
  return value;
}

/** Where a text is not whole, as errors name fields; null where all are. Without recursion: lists may be nested as deep as a body is long. */
function placeOfHalf(root: unknown): string | null {
  const open: { readonly value: unknown; readonly place: string }[] = [{ value: root, place: '' }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, place } = next;
    if (typeof value === 'string' && !value.isWellFormed()) return place;
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, inner] of Object.entries(value)) {
      if (!key.isWellFormed()) return place;
      open.push({ value: inner, place: Array.isArray(value) ? `${place}[${key}]` : place === '' ? key : `${place}.${key}` });
    }
  }
  return null;
}
