import type { DateTime } from 'luxon';

/** One state change as the audit log keeps it. */
export interface AuditEntry {
  /** Id of the system event: the same change delivered twice is one entry. */
  readonly id: string;
  readonly tenantId: string;
  readonly environmentId: string;
  readonly entityType: string;
  readonly entityId: string;
  readonly eventName: string;
  /** User, key or `system`. */
  readonly actorId: string;
  readonly actorType: string;
  readonly requestId: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly createdAt: DateTime;
}
