import type { DateTime } from 'luxon';
import type { Clock } from '#kernel/clock.ts';
import { newId } from '#kernel/ids.ts';
import type { TenantTransaction } from './database.ts';
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

/** Adds a state change to the outbox of the running transaction: both commit or neither does. */
export async function appendSystemEvent(tx: TenantTransaction, clock: Clock, event: SystemEvent): Promise<void> {
  await tx
    .insertInto('outbox')
    .values({
      id: newId('sys_event', clock),
      eventName: event.eventName,
      entityType: event.entityType,
      entityId: event.entityId,
      payload: jsonb(event.payload),
      createdAt: clock.now(),
    })
    .execute();
}
