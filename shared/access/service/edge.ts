import { createHash, timingSafeEqual } from 'node:crypto';
import { ForbiddenError } from '#kernel/errors.ts';
import type { Authenticator } from './authenticator.ts';

/** What CloudFront adds to every request, so that nobody comes past it and the firewall before it. */
export const ORIGIN_HEADER = 'x-origin-verify';

/**
 * The authenticator behind a check that the request came through the edge. Several values are accepted, so that the secret can be changed
 * without an outage. Without values there is no edge, and nothing is checked. What needs no credential (health) is open as before.
 */
export function behindEdge(authenticator: Authenticator, values: readonly string[] | undefined): Authenticator {
  if (values === undefined || values.length === 0) return authenticator;
  const accepted = values.map(digest);
  return {
    ...authenticator,
    async authenticate(headers, credential) {
      const given = digest(headers[ORIGIN_HEADER] ?? '');
      if (!accepted.some((value) => timingSafeEqual(value, given)))
        throw new ForbiddenError({ error: 'Access denied', message: 'requests must come through the public address' });
      return authenticator.authenticate(headers, credential);
    },
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
