import type { IngestTerms, Role } from '#kernel/context.ts';

/** What a route takes for a credential: an API key, or a token of the customer portal. Neither opens what takes the other. */
export type Credential = 'api_key' | 'portal_session';

/** Who a credential stands for. */
export interface Principal {
  readonly tenantId: string;
  /** Null: the credential is bound to no environment, and the header `X-Environment-ID` decides. */
  readonly environmentId: string | null;
  readonly actorId: string;
  readonly actorType: 'user' | 'api_key' | 'customer';
  readonly roles: readonly Role[];
  /** The operator of the deployment, who may do what concerns tenants themselves. */
  readonly operator?: true;
  readonly ingest?: IngestTerms;
  /** Stands for a service account, and not for a person or for the tenant itself. */
  readonly serviceAccount?: true;
  readonly rawCustomers?: ReadonlySet<string>;
  /** A suspended tenant may read but not write. */
  readonly tenantSuspended: boolean;
}

export type EnvironmentTerms = Pick<Principal, 'rawCustomers'>;

/** Where credentials and environments are looked up. */
export interface PrincipalStore {
  /** The key with this SHA-256, unless it is deleted or expired. */
  findByKeyHash(hash: string): Promise<(Principal & { readonly expiresAtMs: number | null }) | null>;
  /** What concerns requests to an environment of the tenant; null when it has no such environment. */
  findEnvironment(tenantId: string, environmentId: string): Promise<EnvironmentTerms | null>;
}

/** Where portal sessions are looked up. */
export interface SessionStore {
  /** The session whose token has this SHA-256; `actorId` is its customer. */
  findByTokenHash(hash: string): Promise<(Principal & { readonly expiresAtMs: number }) | null>;
}
