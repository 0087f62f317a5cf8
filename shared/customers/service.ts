import { requireTimezone } from '#kernel/calendar/civil.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { newId } from '#kernel/ids.ts';
import type { Page } from '#kernel/pagination.ts';
import type { Camelized } from '#kernel/wire.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import type { Condition } from '#platform/resource/conditions.ts';
import { type Guards, guardPoint } from '#platform/resource/guards.ts';
import { type Hooks, hookPoint } from '#platform/resource/hooks.ts';
import type { ListRequest } from '#platform/resource/listing.ts';
import { columns, given, mapOrEmpty, textOrNull } from '#platform/resource/patch.ts';
import { publish } from '#platform/resource/publish.ts';
import type { New } from '#platform/resource/table.ts';
import type { CreateCustomerRequest, UpdateCustomerRequest } from './contracts.ts';
import type { Customer } from './domain.ts';
import { customerEvents } from './events.ts';
import { customerRepository } from './repository.ts';

/** What stands on customers guards this. */
export const CUSTOMER = guardPoint('customer');
/** Told in the transaction that deletes a customer. */
export const CUSTOMER_DELETED = hookPoint<{ readonly id: string }>('customer.deleted');

export interface CustomerDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly guards: Guards;
  readonly hooks: Hooks;
}
export type CustomerService = ReturnType<typeof createCustomerService>;

const customerColumns = columns({
  externalId: given<string>,
  name: given<string>,
  email: textOrNull,
  contact: textOrNull,
  addressLine1: textOrNull,
  addressLine2: textOrNull,
  addressCity: textOrNull,
  addressState: textOrNull,
  addressPostalCode: textOrNull,
  addressCountry: textOrNull,
  timezone: (name: string | null | undefined) => requireTimezone(name || 'UTC'),
  metadata: mapOrEmpty,
});

/** Use cases of customers. Every change writes its system event in the same transaction. */
export function createCustomerService({ database, clock, guards, hooks }: CustomerDependencies) {
  const draftOf = (request: Camelized<CreateCustomerRequest>): New<Customer> => {
    const now = clock.now();
    return { ...customerColumns.created(request), id: newId('cust', clock), createdAt: now, updatedAt: now };
  };

  return {
    /** Throws `already_exists` when a published customer has the external id. */
    create: (ctx: RequestContext, request: Camelized<CreateCustomerRequest>): Promise<Customer> =>
      database.withTenant(ctx, async (tx) => {
        const customer = await customerRepository.insert(tx, draftOf(request));
        await publish(tx, clock, customerEvents.created, customer);
        return customer;
      }),

    /** Makes the customer unless the external id is somebody's already: of several at once, the API included, one makes it. */
    ensure: (ctx: RequestContext, request: Camelized<CreateCustomerRequest>): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        const customer = await customerRepository.insertUnlessThere(tx, draftOf(request));
        if (customer !== undefined) await publish(tx, clock, customerEvents.created, customer);
      }),

    get: (ctx: RequestContext, id: string): Promise<Customer> => database.withTenant(ctx, (tx) => customerRepository.get(tx, id)),

    getByExternalId: (ctx: RequestContext, externalId: string): Promise<Customer> =>
      database.withTenant(ctx, (tx) => customerRepository.getByExternalId(tx, externalId)),

    /** The customer as it stays until `tx` ends: for whoever makes something that needs it. Throws NotFound like `get`. */
    getHeld: (tx: TenantTransaction, by: { readonly id: string } | { readonly externalId: string }): Promise<Customer> =>
      'id' in by ? customerRepository.share(tx, by.id) : customerRepository.shareByExternalId(tx, by.externalId),

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

    /** That a column names the customer with this external id: for lists of what is a customer's. Nobody's is met by no row. */
    isOneOf: async (ctx: RequestContext, column: string, externalId: string): Promise<Condition> => ({
      column,
      is: 'in',
      values: (await database.withTenant(ctx, (tx) => customerRepository.findByExternalIds(tx, [externalId]))).map(({ id }) => id),
    }),

    /** Another `externalId` is refused as deletion is: usage is found under it. */
    update: (ctx: RequestContext, id: string, request: Camelized<UpdateCustomerRequest>): Promise<Customer> =>
      database.withTenant(ctx, async (tx) => {
        const before = await customerRepository.lock(tx, id);
        if (request.externalId !== undefined && request.externalId !== before.externalId) await guards.check(tx, CUSTOMER, id, 'rename');
        const customer = await customerRepository.update(tx, id, { ...customerColumns.changed(request), updatedAt: clock.now() });
        await publish(tx, clock, customerEvents.updated, customer);
        return customer;
      }),

    /** Archives the customer and ends its portal sessions; its external id is free again. Refused while a subscription runs: its usage would find another customer under the id. */
    delete: (ctx: RequestContext, id: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        await customerRepository.lock(tx, id);
        await guards.check(tx, CUSTOMER, id, 'delete');
        const customer = await customerRepository.update(tx, id, { status: 'archived', updatedAt: clock.now() });
        await hooks.run(tx, CUSTOMER_DELETED, { id });
        await publish(tx, clock, customerEvents.deleted, customer);
      }),

    list: (ctx: RequestContext, request: ListRequest): Promise<Page<Customer>> =>
      database.withTenant(ctx, (tx) => customerRepository.list(tx, request)),
  };
}
