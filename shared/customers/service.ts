import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalidOperation } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import { type Camelized, toWire } from '#kernel/wire.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import type { CreateCustomerRequest, UpdateCustomerRequest } from './contracts.ts';
import { type Customer, requireTimezone } from './domain.ts';
import { type CustomerFilter, customerRepository, type NewCustomer } from './repository.ts';

export interface CustomerDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly hasRunningSubscription: (tx: TenantTransaction, customerId: string) => Promise<boolean>;
  readonly endPortalSessions: (tx: TenantTransaction, customerId: string) => Promise<void>;
}
export type CustomerService = ReturnType<typeof createCustomerService>;

/** Use cases of customers. Every change writes its system event in the same transaction. */
export function createCustomerService({ database, clock, hasRunningSubscription, endPortalSessions }: CustomerDependencies) {
  const publish = (tx: TenantTransaction, change: 'created' | 'updated' | 'deleted', customer: Customer) =>
    appendSystemEvent(tx, clock, {
      eventName: `customer.${change}`,
      entityType: 'customer',
      entityId: customer.id,
      payload: toWire(customer) as Record<string, unknown>,
    });

  const draftOf = (request: Camelized<CreateCustomerRequest>): NewCustomer => {
    const now = clock.now();
    return {
      id: newId('cust', clock),
      externalId: request.externalId,
      name: request.name,
      email: request.email ?? null,
      contact: request.contact ?? null,
      addressLine1: request.addressLine1 ?? null,
      addressLine2: request.addressLine2 ?? null,
      addressCity: request.addressCity ?? null,
      addressState: request.addressState ?? null,
      addressPostalCode: request.addressPostalCode ?? null,
      addressCountry: request.addressCountry ?? null,
      timezone: requireTimezone(request.timezone ?? 'UTC'),
      metadata: request.metadata ?? {},
      createdAt: now,
      updatedAt: now,
    };
  };

  return {
    /** Throws `already_exists` when a published customer has the external id. */
    create: (ctx: RequestContext, request: Camelized<CreateCustomerRequest>): Promise<Customer> =>
      database.withTenant(ctx, async (tx) => {
        const customer = await customerRepository.insert(tx, draftOf(request));
        await publish(tx, 'created', customer);
        return customer;
      }),

    /** Makes the customer unless the external id is somebody's already: of several at once, the API included, one makes it. */
    ensure: (ctx: RequestContext, request: Camelized<CreateCustomerRequest>): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        const customer = await customerRepository.insertUnlessThere(tx, draftOf(request));
        if (customer !== undefined) await publish(tx, 'created', customer);
      }),

    get: (ctx: RequestContext, id: string): Promise<Customer> => database.withTenant(ctx, (tx) => customerRepository.get(tx, id)),

    getByExternalId: (ctx: RequestContext, externalId: string): Promise<Customer> =>
      database.withTenant(ctx, (tx) => customerRepository.getByExternalId(tx, externalId)),

    /** The customer as it stays until `tx` ends: for whoever makes something that needs it. Throws NotFound like `get`. */
    getHeld: (tx: TenantTransaction, by: { readonly id: string } | { readonly externalId: string }): Promise<Customer> =>
      customerRepository.share(tx, by),

    /** Those of the names that are somebody's, held by `tx` alone until it ends: for whoever makes them part of a hierarchy. */
    holdAlone: (
      tx: TenantTransaction,
      names: { readonly ids: readonly string[]; readonly externalIds: readonly string[] },
    ): Promise<Customer[]> => customerRepository.lockMany(tx, names),

    /** Those of the ids that exist, archived ones included. */
    getMany: (ctx: RequestContext, ids: readonly string[]): Promise<Customer[]> =>
      database.withTenant(ctx, (tx) => customerRepository.getMany(tx, ids)),

    /** Those of the external ids that are somebody's. */
    findByExternalIds: (ctx: RequestContext, externalIds: readonly string[]): Promise<Customer[]> =>
      database.withTenant(ctx, (tx) => customerRepository.findByExternalIds(tx, externalIds)),

    update: (ctx: RequestContext, id: string, request: Camelized<UpdateCustomerRequest>): Promise<Customer> =>
      database.withTenant(ctx, async (tx) => {
        await customerRepository.lock(tx, id);
        if (request.timezone !== undefined) requireTimezone(request.timezone);
        const customer = await customerRepository.update(tx, id, { ...request, updatedAt: clock.now() }, ctx.actorId);
        await publish(tx, 'updated', customer);
        return customer;
      }),

    /** Archives the customer and ends its portal sessions; its external id is free again. Refused while a subscription runs: its usage would find another customer under the id. */
    delete: (ctx: RequestContext, id: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        const customer = await customerRepository.lock(tx, id);
        if (await hasRunningSubscription(tx, id))
          throw invalidOperation('the customer has a subscription that still runs: cancel it first', { entity: 'customer', id });
        await customerRepository.delete(tx, id, { updatedAt: clock.now() }, ctx.actorId);
        await endPortalSessions(tx, id);
        await publish(tx, 'deleted', customer);
      }),

    list: (ctx: RequestContext, filter: CustomerFilter, options: ListOptions): Promise<Page<Customer>> =>
      database.withTenant(ctx, (tx) => customerRepository.list(tx, filter, options)),
  };
}
