import type { Clock } from '#kernel/clock.ts';
import { toWire } from '#kernel/wire.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import type { Invoice } from '../domain/invoice.ts';

/** Writes the system event of a change, in the transaction that makes it. */
export function publishInvoice(
  tx: TenantTransaction,
  clock: Clock,
  change: 'created' | 'update' | 'update.finalized' | 'update.voided',
  invoice: Invoice,
): Promise<void> {
  return appendSystemEvent(tx, clock, {
    eventName: `invoice.${change}`,
    entityType: 'invoice',
    entityId: invoice.id,
    payload: toWire(invoice) as Record<string, unknown>,
  });
}
