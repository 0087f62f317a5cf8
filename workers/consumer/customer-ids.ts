import { LRUCache } from 'lru-cache';
import type { CustomerService } from '#customers/service.ts';
import { systemContext } from '#kernel/context.ts';
import type { LoggedEvent } from '#metering/domain/event.ts';
import type { Enrich } from '#metering/service/consume.ts';

/** Customers remembered per process, known and unknown ones; a customer that is created shows up in new events after the lifetime. */
const CACHED = 50_000;
const LIFETIME_MS = 30_000;
const PER_LOOKUP = 1_000;
const UNKNOWN = '';

/** Fills in the internal id of customers that exist. What the sender claims stays; usage never depends on it. */
export function createCustomerIds(customers: Pick<CustomerService, 'findByExternalIds'>): Enrich {
  const known = new LRUCache<string, string>({ max: CACHED, ttl: LIFETIME_MS });

  const look = async (tenantId: string, environmentId: string, externalIds: readonly string[]): Promise<void> => {
    const ctx = systemContext(tenantId, environmentId, 'event consumer');
    for (let from = 0; from < externalIds.length; from += PER_LOOKUP) {
      const asked = externalIds.slice(from, from + PER_LOOKUP);
      const ids = new Map((await customers.findByExternalIds(ctx, asked)).map((customer) => [customer.externalId, customer.id]));
      for (const externalId of asked)
        known.set(keyOf({ tenantId, environmentId, externalCustomerId: externalId }), ids.get(externalId) ?? UNKNOWN);
    }
  };

  return async (events) => {
    const open = events.filter((event) => event.customerId === '' && known.get(keyOf(event)) === undefined);
    for (const group of Map.groupBy(open, ({ tenantId, environmentId }) => `${tenantId}:${environmentId}`).values()) {
      const [{ tenantId, environmentId }] = group as [LoggedEvent];
      await look(tenantId, environmentId, [...new Set(group.map((event) => event.externalCustomerId))]);
    }
    return events.map((event) => (event.customerId === '' ? { ...event, customerId: known.get(keyOf(event)) ?? UNKNOWN } : event));
  };
}

function keyOf({
  tenantId,
  environmentId,
  externalCustomerId,
}: Pick<LoggedEvent, 'tenantId' | 'environmentId' | 'externalCustomerId'>): string {
  return `${tenantId}:${environmentId}:${externalCustomerId}`;
}
