import { DateTime } from 'luxon';
import type { Customer } from '#customers/domain.ts';
import type { CustomerService } from '#customers/service.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Decimal } from '#kernel/decimal.ts';
import { DomainError, notFound } from '#kernel/errors.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { attribute, meterMatches } from '../domain/attribution.ts';
import type { StoredEvent } from '../domain/event.ts';
import type { EventCopy, RejectedEvent } from '../domain/ledger.ts';
import type { Meter } from '../domain/meter.ts';
import { createEventRepository, type EventListing, type EventPage } from '../repository/events.ts';
import { createEventLedger } from '../repository/ledger.ts';
import type { InFlight } from './in-flight.ts';
import type { MeterService } from './meters.ts';

/** How one meter took the event; `quantity` is null where it refused it, with the reason. */
export interface MeterAttribution {
  readonly meter: Meter;
  readonly quantity: Decimal | null;
  readonly refusal: string | null;
}

/** Where an accepted event is: on its way, stored with the copies that came of it, or refused for good. */
export type Acceptance =
  | { readonly status: 'accepted'; readonly acceptedAt: DateTime | null }
  | { readonly status: 'stored'; readonly copies: readonly EventCopy[] }
  | { readonly status: 'rejected'; readonly rejections: readonly RejectedEvent[] };

/** What is known of an accepted event (metering.md 5.4). */
export interface EventTrace {
  /** Null while the event is accepted and not yet stored, and when it never will be. */
  readonly event: StoredEvent | null;
  readonly acceptance: Acceptance;
  readonly customer: Customer | null;
  /** All meters whose name and filters match, whether or not they could use the value. */
  readonly meters: readonly MeterAttribution[];
}

export interface EventDependencies {
  readonly clickhouse: ClickHouse;
  readonly inFlight: Pick<InFlight, 'find'>;
  readonly meters: Pick<MeterService, 'forEventName'>;
  readonly customers: Pick<CustomerService, 'getByExternalId'>;
}
export type EventService = ReturnType<typeof createEventService>;

/** Reads of single events. */
export function createEventService({ clickhouse, inFlight, meters, customers }: EventDependencies) {
  const repository = createEventRepository(clickhouse);
  const ledger = createEventLedger(clickhouse);

  return {
    /** A page of events, newest first unless told otherwise. An event id is looked up by the registry, not searched for. */
    async list(ctx: RequestContext, listing: EventListing): Promise<EventPage> {
      if (listing.eventId === null) return repository.list(ctx, listing);
      const { event } = await repository.find(ctx, listing.eventId);
      if (event === null) return { events: [], more: false, total: 0 };
      return repository.list(ctx, {
        ...listing,
        eventName: listing.eventName ?? event.eventName,
        externalCustomerId: listing.externalCustomerId ?? event.externalCustomerId,
      });
    },

    /** Follows an event to where it is, and to the meters that count it. Throws NotFound for an id under which nothing was accepted. */
    async trace(ctx: RequestContext, id: string): Promise<EventTrace> {
      const { registered, event } = await repository.find(ctx, id);
      if (event === null)
        return {
          event,
          acceptance: registered ? { status: 'accepted', acceptedAt: null } : await unregistered(ctx, id),
          customer: null,
          meters: [],
        };
      const [customer, named, copies] = await Promise.all([
        customerOf(ctx, event.externalCustomerId),
        meters.forEventName(ctx, event.eventName),
        ledger.copies(ctx, id),
      ]);
      return {
        event,
        acceptance: { status: 'stored', copies },
        customer,
        meters: named.filter((meter) => meterMatches(meter, event)).flatMap((meter) => attributionOf(meter, event)),
      };
    },
  };

  async function unregistered(ctx: RequestContext, id: string): Promise<Acceptance> {
    const rejections = await ledger.rejections(ctx, id);
    if (rejections.length > 0) return { status: 'rejected', rejections };
    const acceptedAt = await inFlight.find(ctx, id);
    if (acceptedAt === null) throw notFound('event', id);
    return { status: 'accepted', acceptedAt: DateTime.fromMillis(acceptedAt, { zone: 'utc' }) };
  }

  function customerOf(ctx: RequestContext, externalId: string): Promise<Customer | null> {
    return customers.getByExternalId(ctx, externalId).catch((error: unknown) => {
      if (error instanceof DomainError && error.code === 'not_found') return null;
      throw error;
    });
  }
}

function attributionOf(meter: Meter, event: StoredEvent): MeterAttribution[] {
  const result = attribute(meter, event.properties);
  switch (result.kind) {
    case 'taken':
      return [{ meter, quantity: result.quantity, refusal: null }];
    case 'refused':
      return [{ meter, quantity: null, refusal: result.reason }];
    case 'absent':
      return [{ meter, quantity: null, refusal: null }];
  }
}
