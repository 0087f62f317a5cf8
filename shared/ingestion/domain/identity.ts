import { hash } from 'node:crypto';

/** What makes an event the same event, whatever its timestamp or customer (metering.md D3). */
export interface EventIdentity {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly id: string;
}

/**
 * First 64 bits of SHA-256 over the identity, as decimal text: the key of the registry. Lengths are part of what is hashed,
 * so that no two identities spell the same.
 */
export function identityHash(identity: EventIdentity): string {
  return hash('sha256', identityKey(identity), 'buffer').readBigUInt64BE(0).toString();
}

/** The identity as a key of a Map. */
export function identityKey({ tenantId, environmentId, id }: EventIdentity): string {
  return `${tenantId.length}:${tenantId}${environmentId.length}:${environmentId}${id}`;
}
