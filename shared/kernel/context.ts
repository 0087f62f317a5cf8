/** Who acts, for whom, and in answer to which request. Every use case takes one. */
export interface RequestContext {
  readonly tenantId: string;
  /** Empty where a route is exempt from an environment (users, environments, tenants). */
  readonly environmentId: string;
  /** User id or key id: what `created_by` and the audit log show. */
  readonly actorId: string;
  readonly actorType: 'user' | 'api_key' | 'system';
  readonly roles: readonly Role[];
  readonly requestId: string;
  /**
   * A transaction that this request runs in as a whole, so that an idempotent request and the record of its answer commit together.
   * `withTenant` joins it; nobody else looks inside.
   */
  readonly transaction?: unknown;
}

export type Role = 'super_admin' | 'all_writer' | 'all_reader' | 'event_ingestor' | 'event_reader';

/** Context of work that no person asked for: sweeps, consumers, relays. */
export function systemContext(tenantId: string, environmentId: string, requestId: string): RequestContext {
  return { tenantId, environmentId, actorId: 'system', actorType: 'system', roles: ['super_admin'], requestId };
}
