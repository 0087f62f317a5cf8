import { createHash } from 'node:crypto';

/** SHA-256 of a key or token, hex: what is stored. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
