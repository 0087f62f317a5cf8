import type { IngestTerms, Role } from '#kernel/context.ts';

/** Who a credential stands for. */
export interface Principal {
  readonly tenantId: string;
  /** Null: the credential is bound to no environment, and the header `X-Environment-ID` decides. */
  readonly environmentId: string | null;
  readonly actorId: string;
  readonly actorType: 'user' | 'api_key';
  readonly roles: readonly Role[];
  /** The operator of the deployment, who may do what concerns tenants themselves. */
  readonly operator?: true;
  readonly ingest?: IngestTerms;
  /** A suspended tenant may read but not write. */
  readonly tenantSuspended: boolean;
}

/** Where credentials and environments are looked up. */
export interface PrincipalStore {
  /** The key with this SHA-256, unless it is deleted or expired. */
  findByKeyHash(hash: string): Promise<(Principal & { readonly expiresAtMs: number | null }) | null>;
  environmentExists(tenantId: string, environmentId: string): Promise<boolean>;
}
