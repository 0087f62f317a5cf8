import { randomBytes } from 'node:crypto';
import type { DateTime } from 'luxon';
import type { Role } from '#access/domain/roles.ts';
import type { IngestQuota } from '#kernel/context.ts';
import type { RecordStatus } from '#kernel/wire.ts';

/** A company that sells usage: the top boundary of isolation. */
export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly internalStatus: 'trialing' | 'active' | 'suspended';
  readonly billingDetails: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Its events travel on a stream of their own. */
  readonly ingestLazy: boolean;
  /** Both null: no limit. */
  readonly ingestEventsPerSecond: number | null;
  readonly ingestBurst: number | null;
  readonly status: RecordStatus;
  readonly createdAt: DateTime;
  readonly updatedAt: DateTime;
}

interface TenantColumns {
  readonly id: string;
  readonly tenantId: string;
  readonly status: RecordStatus;
  readonly createdAt: DateTime;
  readonly updatedAt: DateTime;
  readonly createdBy: string | null;
  readonly updatedBy: string | null;
}

/** A tenant's data apart from its other data: `development`, `production`. */
export interface Environment extends TenantColumns {
  readonly name: string;
  readonly type: 'development' | 'production';
}

export interface User extends TenantColumns {
  readonly email: string | null;
  readonly name: string | null;
  readonly type: 'user' | 'service_account';
  readonly roles: readonly Role[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** An API key: only its hash is kept. Bound to tenant and environment, and to the user that it stands for, if any. */
export interface ApiKey extends TenantColumns {
  readonly environmentId: string;
  readonly name: string;
  readonly type: 'private_key' | 'publishable_key';
  readonly keyHash: string;
  readonly displayId: string;
  readonly userId: string | null;
  /** What it was given; `rolesInForce` says what it has. */
  readonly roles: readonly Role[];
  readonly expiresAt: DateTime | null;
  /** Of this key's own, besides that of its tenant. Both null: none. */
  readonly ingestEventsPerSecond: number | null;
  readonly ingestBurst: number | null;
  readonly lastUsedAt: DateTime | null;
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A fresh key: `sk_` or `pk_` and 32 random bytes in base 62 (wire-rules.md section 2). */
export function generateKey(type: ApiKey['type']): string {
  let number = BigInt(`0x${randomBytes(32).toString('hex')}`);
  let digits = '';
  for (let i = 0; i < 43; i++) {
    digits += ALPHABET[Number(number % 62n)];
    number /= 62n;
  }
  return `${type === 'private_key' ? 'sk' : 'pk'}_${digits}`;
}

/** First five characters, `***`, last two. */
export function maskKey(key: string): string {
  return `${key.slice(0, 5)}***${key.slice(-2)}`;
}

/** All that a publishable key may ever have: it lies in browsers, where everybody reads it. */
export const PUBLISHABLE_ROLE: Role = 'event_ingestor';

/** The roles that a key has, whatever it was given: a publishable one sends events and does nothing else. */
export function rolesInForce({ type, roles }: Pick<ApiKey, 'type' | 'roles'>): readonly Role[] {
  if (type === 'private_key') return roles;
  return roles.length === 0 ? [] : [PUBLISHABLE_ROLE];
}

/** The quota that two columns say, or none. */
export function quotaOf(eventsPerSecond: number | null, burst: number | null): IngestQuota | null {
  return eventsPerSecond === null || burst === null ? null : { eventsPerSecond, burst };
}

/** A key as it is shown: with the roles that it has, and its quota in one piece. */
export function shownKey(key: ApiKey): ApiKey & { readonly provider: 'flexprice'; readonly ingestQuota: IngestQuota | null } {
  return { ...key, roles: rolesInForce(key), provider: 'flexprice', ingestQuota: quotaOf(key.ingestEventsPerSecond, key.ingestBurst) };
}
