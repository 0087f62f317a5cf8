import { DateTime } from 'luxon';
import type { Customer } from '#customers/domain.ts';
import type { CustomerService } from '#customers/service.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Decimal } from '#kernel/decimal.ts';
import { DomainError, notFound } from '#kernel/errors.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { attribute, meterMatches } from '../domain/attribution.ts';
import type { StoredEvent } from '#ingestion/domain/event.ts';
import type { EventCopy, RejectedEvent } from '#ingestion/domain/ledger.ts';
import type { Meter } from '../domain/meter.ts';
import { createEventRepository, type EventListing, type EventPage } from '../repository/events.ts';
import type { EventAccounts } from '#ingestion/service/event-accounts.ts';
import type { InFlight } from '#ingestion/service/in-flight.ts';
import type { MeterService } from './meters.ts';

/** How one meter took the event; `quantity` is null where it refused it, or where the event lacks what it measures, each with the reason. */
export interface MeterAttribution {
  readonly meter: Meter;
  readonly quantity: Decimal | null;
  readonly refusal: string | null;
  readonly missing: string | null;
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
  readonly accounts: EventAccounts;
  readonly inFlight: Pick<InFlight, 'find'>;
  readonly meters: Pick<MeterService, 'forEventName'>;
  readonly customers: Pick<CustomerService, 'getByExternalId'>;
  readonly clock: Clock;
}

/** What a listing without a start shows: a page costs what lies in its range, not all of history. */
const LISTED = { days: 30 } as const;

export type EventService = ReturnType<typeof createEventService>;

/** Reads of single events. */
export function createEventService({ clickhouse, accounts, inFlight, meters, customers, clock }: EventDependencies) {
  const repository = createEventRepository(clickhouse);

  return {
    /**
     * A page of events, newest first unless told otherwise, of the last 30 days (before the end, where one is named) unless a start is named.
     * An event id is looked up by the registry, not searched for, in all of history. `startTime` is where the listing begins.
     */
    async list(ctx: RequestContext, asked: EventListing): Promise<EventPage & { readonly startTime: DateTime | null }> {
      const startTime = asked.startTime ?? (asked.eventId === null ? (asked.endTime ?? clock.now()).minus(LISTED) : null);
      return { ...(await pageOf(ctx, { ...asked, startTime })), startTime };
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
        accounts.copies(ctx, id),
      ]);
      return {
        event,
        acceptance: { status: 'stored', copies },
        customer,
        meters: named.filter((meter) => meterMatches(meter, event)).flatMap((meter) => attributionOf(meter, event)),
      };
    },
  };

  async function pageOf(ctx: RequestContext, listing: EventListing): Promise<EventPage> {
    if (listing.eventId === null) return repository.list(ctx, listing);
    const { event } = await repository.find(ctx, listing.eventId);
    if (event === null) return { events: [], more: false, total: { count: 0, exact: true } };
    return repository.list(ctx, {
      ...listing,
      eventName: listing.eventName ?? event.eventName,
      externalCustomerId: listing.externalCustomerId ?? event.externalCustomerId,
    });
  }

  async function unregistered(ctx: RequestContext, id: string): Promise<Acceptance> {
    const rejections = await accounts.rejections(ctx, id);
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
      return [{ meter, quantity: result.quantity, refusal: null, missing: null }];
    case 'refused':
      return [{ meter, quantity: null, refusal: result.reason, missing: null }];
    case 'absent':
      return [{ meter, quantity: null, refusal: null, missing: result.reason }];
  }
}
