import type { DateTime } from 'luxon';
import type { IngestTerms } from '#kernel/context.ts';
import type { Holder } from './roles.ts';

/** Who a credential stands for. */
export interface Principal extends Holder {
  readonly tenantId: string;
  /** Null: the credential is bound to no environment, and the header `X-Environment-ID` decides. */
  readonly environmentId: string | null;
  readonly actorId: string;
  readonly actorType: 'user' | 'api_key' | 'customer';
  readonly ingest?: IngestTerms;
  /** The key lies in browsers: it opens what takes any key, and nothing else. */
  readonly publishable?: true;
  readonly rawCustomers?: ReadonlySet<string>;
  /** A suspended tenant may read but not write. */
  readonly tenantSuspended: boolean;
}

export type EnvironmentTerms = Pick<Principal, 'rawCustomers'>;

export interface KeyPrincipal extends Principal {
  readonly keyId: string;
  readonly expiresAtMs: number | null;
  /** When its use was last noted. */
  readonly usedAtMs: number | null;
}

/** An answer, and how much of its tenant's changes was to be seen when it was given. */
export interface Seen<T> {
  readonly value: T;
  readonly tenantId: string;
  /** The name of the tenant's last change; an answer with another one is of another time. */
  readonly change: string;
  /** Changes that could not be seen yet lie at or behind it. */
  readonly horizon: bigint;
}

/** Tenants whose access has changed behind a horizon, and the horizon to ask from next. */
export interface AccessChanges {
  readonly changes: readonly { readonly tenantId: string; readonly change: string }[];
  readonly horizon: bigint;
}

/** Where credentials and environments are looked up. */
export interface PrincipalStore {
  /** The key with this SHA-256, also an expired one; null when there is none or it was deleted. */
  findByKeyHash(hash: string): Promise<Seen<KeyPrincipal> | null>;
  /** What concerns requests to an environment of the tenant; null when it has no such environment. */
  findEnvironment(tenantId: string, environmentId: string): Promise<Seen<EnvironmentTerms> | null>;
  /** Which tenants' access has changed since the horizon was told. */
  changesSince(horizon: bigint): Promise<AccessChanges>;
  /** Notes that the keys are in use, unless that was noted within the last minute. */
  noteUses(keyIds: readonly string[], at: DateTime): Promise<void>;
}

/** Where portal sessions are looked up. */
export interface SessionStore {
  /** The session whose token has this SHA-256; `actorId` is its customer. */
  findByTokenHash(hash: string): Promise<(Principal & { readonly expiresAtMs: number }) | null>;
}
