import type { DateTime } from 'luxon';
import type { Clock } from '#kernel/clock.ts';
import { newId } from '#kernel/ids.ts';
import type { TenantTransaction } from './database.ts';
import { inParts } from './in-parts.ts';
import { jsonb } from './types.ts';

/** A state change, written in the transaction that makes it and published by the relay. Actor and request come from the transaction. */
export interface SystemEvent {
  /** Dotted, past tense last, such as `customer.created` or `invoice.update.finalized`. */
  readonly eventName: string;
  readonly entityType: string;
  readonly entityId: string;
  /** JSON with wire names. No secrets, and no event properties but those that `event.rejected` shows to its tenant. */
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface OutboxRow {
  readonly id: string;
  readonly tenantId: string;
  readonly environmentId: string;
  readonly eventName: string;
  readonly entityType: string;
  readonly entityId: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly actorId: string;
  readonly actorType: string;
  readonly requestId: string;
  readonly createdAt: DateTime;
  readonly publishedAt: DateTime | null;
  readonly nextAttemptAt: DateTime | null;
  readonly failureCount: number;
  readonly failureReason: string | null;
  readonly position: number;
}

type Filled = 'tenantId' | 'environmentId' | 'actorId' | 'actorType' | 'requestId' | 'failureCount' | 'position';
type OutboxTable = {
  [K in keyof OutboxRow]: K extends Filled
    ? import('kysely').ColumnType<OutboxRow[K], OutboxRow[K] | undefined, OutboxRow[K]>
    : import('kysely').ColumnType<OutboxRow[K], OutboxRow[K], OutboxRow[K]>;
};

declare module './tables.ts' {
  interface Tables {
    outbox: OutboxTable;
  }
}

/** Adds state changes to the outbox of the running transaction, in their order: they commit with it or not at all. */
export async function appendSystemEvents(tx: TenantTransaction, clock: Clock, events: readonly SystemEvent[]): Promise<void> {
  const createdAt = clock.now();
  const rows = events.map((event) => ({ ...event, id: newId('sys_event', clock), payload: jsonb(event.payload), createdAt }));
  await inParts(rows, (part) => tx.insertInto('outbox').values(part).returning('id').execute());
}

/** Adds one state change. */
export function appendSystemEvent(tx: TenantTransaction, clock: Clock, event: SystemEvent): Promise<void> {
  return appendSystemEvents(tx, clock, [event]);
}
