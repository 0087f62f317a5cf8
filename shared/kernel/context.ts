/** Who acts, for whom, and in answer to which request. Every use case takes one. */
export interface RequestContext {
  readonly tenantId: string;
  /** Empty where a route is exempt from an environment (users, environments, tenants). */
  readonly environmentId: string;
  /** User id, key id, or the id of the customer whose portal session it is: what `created_by` and the audit log show. */
  readonly actorId: string;
  readonly actorType: 'user' | 'api_key' | 'customer' | 'system';
  /** Names of roles: what they give is for `shared/access` to say. */
  readonly roles: readonly string[];
  readonly requestId: string;
  /** How its events are let in. Absent: without limits, and on the way of all. */
  readonly ingest?: IngestTerms;
  /** External ids of the customers whose raw events are let in (metering.md 1.7). Absent: those of everybody. */
  readonly rawCustomers?: ReadonlySet<string>;
  /**
   * A transaction that this request runs in as a whole, so that an idempotent request and the record of its answer commit together.
   * `withTenant` joins it; nobody else looks inside.
   */
  readonly transaction?: unknown;
}

/** So many events per second on average, and so many at once. */
export interface IngestQuota {
  readonly eventsPerSecond: number;
  readonly burst: number;
}

/** What was agreed with a tenant and for a key about events. Null: no limit. */
export interface IngestTerms {
  /** On a stream of their own, so that they hold up nobody else. */
  readonly lazy: boolean;
  readonly tenantQuota: IngestQuota | null;
  readonly keyId: string;
  readonly keyQuota: IngestQuota | null;
}

/** What names an environment: a tenant's and its own id. */
export type EnvironmentIds = Pick<RequestContext, 'tenantId' | 'environmentId'>;

/** One text per environment, to group by: `JSON.stringify(['tenant_1', 'env_1'])`, which no other pair of ids makes. */
export function environmentKey({ tenantId, environmentId }: EnvironmentIds): string {
  return JSON.stringify([tenantId, environmentId]);
}

/** Context of work that no person asked for: sweeps, consumers, relays. */
export function systemContext(tenantId: string, environmentId: string, requestId: string): RequestContext {
  return { tenantId, environmentId, actorId: 'system', actorType: 'system', roles: ['super_admin'], requestId };
}
