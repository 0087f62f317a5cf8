import type { Clock } from '#kernel/clock.ts';
import type { TenantTransaction } from '../postgres/database.ts';
import { appendSystemEvents } from '../postgres/outbox.ts';
import type { EventDefinition } from './events.ts';
import { shaped } from './shape.ts';

/** Writes the event of each entity in the transaction that changes them, with what the API shows of it. */
export function publish<E extends { readonly id: string }>(
  tx: TenantTransaction,
  clock: Clock,
  event: EventDefinition,
  ...entities: readonly E[]
): Promise<void> {
  return appendSystemEvents(
    tx,
    clock,
    entities.map((entity) => ({
      eventName: event.name,
      entityType: event.entity,
      entityId: entity.id,
      payload: shaped(event.payload, entity) as Readonly<Record<string, unknown>>,
    })),
  );
}
