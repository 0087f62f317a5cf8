import { LRUCache } from 'lru-cache';
import { chunksOf } from '#kernel/chunks.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import { wireTime } from '#kernel/wire.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { publish } from '#platform/resource/publish.ts';
import { translateError } from '#platform/postgres/errors.ts';
import type { StoredEvent } from '#ingestion/domain/event.ts';
import type { Meter } from '#metering/domain/meter.ts';
import { type RejectionReason, rejectionOf, takesAll } from '../domain/rejection.ts';
import type { StoredSummary } from '#kernel/stored-summary.ts';
import type { EventPosition, UnmeteredEventService, UnmeteredSelection } from '#metering/service/unmetered-events.ts';
import { rejectionEvents } from '../events.ts';
import { rejectionWindows } from '../repository/rejection-windows.ts';
import type { MeterService } from '#metering/service/meters.ts';

export const EVENT_REJECTED = 'event.rejected';

export interface RejectionDependencies {
  readonly database: Database;
  readonly unmetered: UnmeteredEventService;
  readonly meters: Pick<MeterService, 'forEventNames'>;
  readonly clock: Clock;
  readonly logger: EventLogLogger;
  readonly windowSeconds: number;
}
export type RejectionService = ReturnType<typeof createRejectionService>;

/** Meters of a name, and that there are none, are remembered for a moment; before something is said they are looked at anew. */
const METERS_MS = 1_000;
const REMEMBERED = 50_000;
/** Names and customers of one reading. */
const PER_READING = 200;
const PAGE = 500;

/** A name of which events may have been rejected, with its meters and the customers who sent it. */
interface Suspect {
  readonly name: string;
  readonly meters: readonly Meter[];
  readonly customers: readonly string[];
}
interface Rejection {
  readonly event: StoredEvent;
  readonly reason: RejectionReason;
}

/**
 * Tells of events that no meter took: one of each name and window (metering.md 1.6).
 *
 * A name that some meter takes whole costs a look-up in memory, one that was told of lately nothing. Of the others an example is read
 * from the stored events: by the meters' filters, or of any customer where there is no meter.
 */
export function createRejectionService({ database, unmetered, meters, clock, logger, windowSeconds }: RejectionDependencies) {
  const lifetimes = { ttlResolution: 0, perf: { now: () => clock.now().toMillis() } };
  const known = new LRUCache<string, readonly Meter[]>({ max: REMEMBERED, ttl: METERS_MS, ...lifetimes });
  /** Names whose window is open, as far as this process knows. */
  const told = new LRUCache<string, true>({ max: REMEMBERED, ...lifetimes });
  const keyOf = ({ tenantId, environmentId }: RequestContext, name: string): string => JSON.stringify([tenantId, environmentId, name]);

  const suspectsOf = async (ctx: RequestContext, { customers }: StoredSummary): Promise<Suspect[]> => {
    const senders = new Map<string, string[]>();
    for (const { externalCustomerId, eventNames } of customers) {
      for (const name of eventNames) {
        if (told.has(keyOf(ctx, name))) continue;
        const own = senders.get(name);
        if (own === undefined) senders.set(name, [externalCustomerId]);
        else own.push(externalCustomerId);
      }
    }
    const missing = [...senders.keys()].filter((name) => !known.has(keyOf(ctx, name)));
    if (missing.length > 0) {
      const found = Map.groupBy(await meters.forEventNames(ctx, missing), ({ eventName }) => eventName);
      for (const name of missing) known.set(keyOf(ctx, name), found.get(name) ?? []);
    }
    return [...senders].flatMap(([name, own]) => {
      const named = known.get(keyOf(ctx, name)) ?? [];
      return takesAll(named) ? [] : [{ name, meters: named, customers: own }];
    });
  };

  /** An event of each name that is rejected, where there is one. */
  const examplesOf = async (ctx: RequestContext, summary: StoredSummary, suspects: readonly Suspect[]): Promise<StoredEvent[]> => {
    const found: StoredEvent[] = [];
    const nameless = suspects.filter((suspect) => suspect.meters.length === 0);
    for (const part of chunksOf(nameless, PER_READING)) {
      // Every event of these is rejected: one sender of each name will do.
      const selection = {
        eventNames: part.map(({ name }) => name),
        externalCustomerIds: [...new Set(part.flatMap(({ customers }) => customers.slice(0, 1)))],
        meters: [],
      };
      found.push(...(await unmetered.examples(ctx, summary, selection)).map(({ event }) => event));
    }
    for (const { name, customers, meters: named } of suspects.filter((suspect) => suspect.meters.length > 0)) {
      for (const externalCustomerIds of chunksOf(customers, PER_READING)) {
        const [example] = await unmetered.examples(ctx, summary, { eventNames: [name], externalCustomerIds, meters: named });
        if (example === undefined) continue;
        found.push(example.event);
        break;
      }
    }
    return found;
  };

  /** Those of the events that no meter takes by what the meters are now. */
  const rejected = async (tx: TenantTransaction, ctx: RequestContext, events: readonly StoredEvent[]): Promise<Rejection[]> => {
    const named = Map.groupBy(
      await meters.forEventNames({ ...ctx, transaction: tx }, [...new Set(events.map(({ eventName }) => eventName))]),
      ({ eventName }) => eventName,
    );
    return events.flatMap((event) => {
      const reason = rejectionOf(named.get(event.eventName) ?? [], event);
      return reason === null ? [] : [{ event, reason }];
    });
  };

  const stage = (tx: TenantTransaction, rejections: readonly Rejection[]): Promise<void> => {
    const told = rejections.map(({ event, reason }) => ({ id: event.id, eventType: EVENT_REJECTED, reason, event: eventToWire(event) }));
    return publish(tx, clock, rejectionEvents.rejected, ...told);
  };

  /**
   * The window and what is said in it are one transaction: a crash leaves both or neither. Answers the names whose window is open now, or null
   * when the windows could not be asked; nothing was said then.
   */
  const tellOnce = async (ctx: RequestContext, examples: readonly StoredEvent[]): Promise<{ told: number; names: string[] } | null> => {
    try {
      return await database.withTenant(ctx, async (tx) => {
        const rejections = await rejected(tx, ctx, examples);
        if (rejections.length === 0) return { told: 0, names: [] };
        const names = rejections.map(({ event }) => event.eventName);
        const opened = await rejectionWindows.open(tx, names, clock.now(), windowSeconds).catch((error: unknown) => {
          throw new NoWindows(error);
        });
        await stage(
          tx,
          rejections.filter(({ event }) => opened.has(event.eventName)),
        );
        return { told: opened.size, names };
      });
    } catch (error) {
      if (!(error instanceof NoWindows)) throw error;
      logger.error('the windows of rejected events cannot be asked: each event is told of', {
        tenant_id: ctx.tenantId,
        environment_id: ctx.environmentId,
        reason: error.message,
      });
      return null;
    }
  };

  /** Without windows: better too many than none. A page per transaction. */
  const tellEach = async (ctx: RequestContext, summary: StoredSummary, suspects: readonly Suspect[]): Promise<number> => {
    let count = 0;
    for (const { name, meters: named, customers } of suspects) {
      for (const externalCustomerIds of chunksOf(customers, PER_READING)) {
        const selection: UnmeteredSelection = { eventNames: [name], externalCustomerIds, meters: named };
        for (let after: EventPosition | null = null; ; ) {
          const page = await unmetered.page(ctx, summary, selection, after, PAGE);
          count += await database.withTenant(ctx, async (tx) => {
            const rejections = await rejected(
              tx,
              ctx,
              page.map(({ event }) => event),
            );
            await stage(tx, rejections);
            return rejections.length;
          });
          after = page.at(-1) ?? null;
          if (page.length < PAGE) break;
        }
      }
    }
    return count;
  };

  const noticeOne = async (ctx: RequestContext, summary: StoredSummary): Promise<number> => {
    const suspects = await suspectsOf(ctx, summary);
    if (suspects.length === 0) return 0;
    const examples = await examplesOf(ctx, summary, suspects);
    if (examples.length === 0) return 0;
    const once = await tellOnce(ctx, examples);
    if (once === null) return tellEach(ctx, summary, suspects);
    // Somebody else may have opened the window some time ago: whether it is over is asked ten times in its length.
    for (const name of once.names) told.set(keyOf(ctx, name), true, { ttl: windowSeconds * 100 });
    return once.told;
  };

  return {
    /** The events of the summaries were stored: tells of those that no meter took. Answers of how many. Repeated, it tells nothing again within the window. */
    async notice(ctx: RequestContext, summaries: readonly StoredSummary[]): Promise<number> {
      let count = 0;
      for (const summary of summaries) count += await noticeOne(ctx, summary);
      return count;
    },
  };
}

/** The windows could not be asked. Two that locked each other up are no such case: that is tried again. */
class NoWindows extends Error {
  constructor(cause: unknown) {
    const translated = translateError(cause);
    if (translated instanceof DomainError && translated.code === 'version_conflict') throw translated;
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'NoWindows';
  }
}

/** As the webhook's receiver gets it (metering.md 1.6). */
function eventToWire({
  id,
  eventName,
  customerId,
  externalCustomerId,
  source,
  properties,
  timestamp,
}: StoredEvent): Record<string, unknown> {
  return {
    id,
    event_name: eventName,
    customer_id: customerId,
    external_customer_id: externalCustomerId,
    source,
    properties,
    timestamp: wireTime(timestamp),
  };
}
