import { LRUCache } from 'lru-cache';
import type { CustomerService } from '#customers/service.ts';
import { chunksOf } from '#kernel/chunks.ts';
import { systemContext } from '#kernel/context.ts';
import type { LoggedEvent } from '#ingestion/domain/event.ts';
import type { Enrich } from '#ingestion/service/consume.ts';

/** Customers remembered per process, known and unknown ones; a customer that is created shows up in new events after the lifetime. */
const CACHED = 50_000;
const LIFETIME_MS = 30_000;
const PER_LOOKUP = 1_000;
const UNKNOWN = '';

/** Fills in the internal id of customers that exist. What the sender claims stays; usage never depends on it. */
export function createCustomerIds(customers: Pick<CustomerService, 'findByExternalIds'>, remembered: number = CACHED): Enrich {
  const known = new LRUCache<string, string>({ max: remembered, ttl: LIFETIME_MS });

  const look = async (
    tenantId: string,
    environmentId: string,
    externalIds: readonly string[],
    answers: Map<string, string>,
  ): Promise<void> => {
    const ctx = systemContext(tenantId, environmentId, 'event consumer');
    for (const asked of chunksOf(externalIds, PER_LOOKUP)) {
      const ids = new Map((await customers.findByExternalIds(ctx, asked)).map((customer) => [customer.externalId, customer.id]));
      for (const externalId of asked) {
        const key = keyOf({ tenantId, environmentId, externalCustomerId: externalId });
        answers.set(key, ids.get(externalId) ?? UNKNOWN);
        known.set(key, ids.get(externalId) ?? UNKNOWN);
      }
    }
  };

  return async (events) => {
    const unclaimed = events.filter((event) => event.customerId === '');
    // The batch keeps its own answers: an entry may expire, or make room for another one, before the last event is reached.
    const answers = new Map<string, string>();
    for (const event of unclaimed) {
      const id = known.get(keyOf(event));
      if (id !== undefined) answers.set(keyOf(event), id);
    }
    const open = unclaimed.filter((event) => !answers.has(keyOf(event)));
    for (const group of Map.groupBy(open, ({ tenantId, environmentId }) => `${tenantId}:${environmentId}`).values()) {
      const [{ tenantId, environmentId }] = group as [LoggedEvent];
      await look(tenantId, environmentId, [...new Set(group.map((event) => event.externalCustomerId))], answers);
    }
    return events.map((event) => (event.customerId === '' ? { ...event, customerId: answers.get(keyOf(event)) ?? UNKNOWN } : event));
  };
}

function keyOf({
  tenantId,
  environmentId,
  externalCustomerId,
}: Pick<LoggedEvent, 'tenantId' | 'environmentId' | 'externalCustomerId'>): string {
  return `${tenantId}:${environmentId}:${externalCustomerId}`;
}
