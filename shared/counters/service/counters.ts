import type { Clock } from '#kernel/clock.ts';
import { environmentKey, type RequestContext, systemContext } from '#kernel/context.ts';
import { DomainError, invalidOperation } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import type { TouchedCustomer } from '#kernel/stored-summary.ts';
import type { Count, CounterQuestion, UsageCounter } from '../domain/counter.ts';
import { type CounterCursor, counterRepository } from '../repository/counters.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { UsageService } from '#metering/service/usage.ts';

export interface CounterDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly meters: Pick<MeterService, 'getMany'>;
  readonly readUsage: UsageService['meterUsages'];
  /** A counter that was last read so long ago is due for the reconcile job. */
  readonly staleSeconds: number;
}
export type CounterService = ReturnType<typeof createCounterService>;

/** A page of the reconcile job. `failures` says what went wrong, one line per environment. */
export interface ReconciledPage {
  readonly read: number;
  readonly failures: readonly string[];
  readonly next: CounterCursor | null;
}

/** Remembering when somebody asked need not be more exact than what hangs on it. */
const ASKED_ANEW = { hours: 1 };
/** What nobody has asked for so long is not kept up to date any more. */
const IDLE = { days: 7 };
/** Clocks of processes differ: a window that has just closed may still be asked for. */
const CLOSED_FOR = { hours: 1 };
const PAGE = 1000;
/** Counters that are read and written together: bounds memory, and how long rows are locked. */
const PER_READING = 500;
const DELETED_PER_ROUND = 5_000;

/**
 * Counters of usage: exact, and up to date within a second or two of an event's storage (docs/adr/0017).
 *
 * A counter is never added to. It is read anew from the stored events whenever some of them may have changed it, so that neither a
 * redelivery nor a crash can make it wrong. What makes a change certain to be seen is the order of things: the row exists before it is
 * first read, events are stored before their post-processing record is written, a reading takes its number before it reads, and
 * the later number stands. So whatever reads after an event's record holds the event, and nothing that began earlier overwrites it.
 */
export function createCounterService({ database, clock, meters, readUsage, staleSeconds }: CounterDependencies) {
  const running = new Map<string, Promise<Count>>();

  /** Reads counters from the usage store and writes what it found. Those of a meter that is gone or has changed are deleted. */
  const readAnew = async (
    ctx: RequestContext,
    select: (tx: TenantTransaction) => Promise<UsageCounter[]>,
  ): Promise<ReadonlyMap<string, Count>> => {
    const begun = await database.withTenant(ctx, async (tx) => {
      const counters = await select(tx);
      if (counters.length === 0) return null;
      const known = new Map(
        (await meters.getMany({ ...ctx, transaction: tx }, [...new Set(counters.map(({ meterId }) => meterId))])).map((meter) => [
          meter.id,
          meter,
        ]),
      );
      const live = counters.flatMap((counter) => {
        const meter = known.get(counter.meterId);
        return meter && meter.version === counter.meterVersion ? [{ counter, meter }] : [];
      });
      const ids = new Set(live.map(({ counter }) => counter.id));
      await counterRepository.delete(
        tx,
        counters.map(({ id }) => id).filter((id) => !ids.has(id)),
      );
      return { live, reading: await counterRepository.nextReading(tx), countedAt: clock.now() };
    });
    if (begun === null || begun.live.length === 0) return new Map();
    const { live, reading, countedAt } = begun;
    const found = new Map<string, Count>();
    for (let from = 0; from < live.length; from += PER_READING) {
      const part = live.slice(from, from + PER_READING);
      // No transaction is open while the usage store works.
      const usages = await readUsage(
        ctx,
        part.map(({ counter, meter }) => ({
          meter,
          externalCustomerIds: [counter.externalCustomerId],
          range: { start: counter.windowStart, end: counter.windowEnd },
          timezone: counter.timezone,
        })),
      );
      const counts = part.map(({ counter }, index) => {
        const { value, watermark } = usages[index] as (typeof usages)[number];
        return { id: counter.id, value, watermark };
      });
      await database.withTenant(ctx, (tx) => counterRepository.write(tx, reading, countedAt, counts));
      for (const { id, ...count } of counts) found.set(id, count);
    }
    return found;
  };

  /** Makes the counter and reads it. Whoever asks for the same meanwhile waits for this reading. */
  const readFirst = (ctx: RequestContext, question: CounterQuestion): Promise<Count> => {
    const { externalCustomerId, meter, window, timezone } = question;
    const key = JSON.stringify([
      ctx.tenantId,
      ctx.environmentId,
      externalCustomerId,
      meter.id,
      meter.version,
      window.start.toMillis(),
      window.end.toMillis(),
      timezone,
    ]);
    const reading =
      running.get(key) ??
      (async () => {
        const now = clock.now();
        const newest = {
          id: newId('uctr', clock),
          externalCustomerId,
          meterId: meter.id,
          meterVersion: meter.version,
          windowStart: window.start,
          windowEnd: window.end,
          timezone,
          countedAt: now,
          askedAt: now,
        };
        // Committed before the reading begins: an event that is stored from here on finds a counter to be read anew.
        const counter = await database.withTenant(ctx, async (tx) => {
          await counterRepository.ensure(tx, newest);
          return counterRepository.find(tx, question);
        });
        // Somebody else was faster.
        if (counter !== null && counter.value !== null) return { value: counter.value, watermark: counter.watermark };
        const counts = await readAnew(ctx, (tx) => counterRepository.getMany(tx, counter === null ? [] : [counter.id]));
        const [count] = [...counts.values()];
        return count ?? readChanged(ctx, question);
      })().finally(() => running.delete(key));
    running.set(key, reading);
    return reading;
  };

  /** The caller knows an older meter: its counter is another one by now. */
  const readChanged = async (ctx: RequestContext, question: CounterQuestion): Promise<Count> => {
    const [meter] = await meters.getMany(ctx, [question.meter.id]);
    if (meter === undefined) throw invalidOperation('the meter was deleted, so its usage is not known', { meter_id: question.meter.id });
    if (meter.version === question.meter.version)
      throw new DomainError('version_conflict', 'the counter was deleted meanwhile, try again', { meter_id: meter.id });
    return current(ctx, { ...question, meter });
  };

  /** What the counter says. A counter that nobody asked for yet is read first, at the price of one aggregation. */
  const current = async (ctx: RequestContext, question: CounterQuestion): Promise<Count> => {
    const counter = await database.withTenant(ctx, async (tx) => {
      const found = await counterRepository.find(tx, question);
      if (found !== null && found.askedAt < clock.now().minus(ASKED_ANEW)) await counterRepository.asked(tx, found.id, clock.now());
      return found;
    });
    return counter === null || counter.value === null ? readFirst(ctx, question) : { value: counter.value, watermark: counter.watermark };
  };

  return {
    current,

    /** Reads anew what stored events may have changed: counters of these customers, by meters of these event names, in open windows. Answers how many. */
    refreshTouched: async (ctx: RequestContext, customers: readonly TouchedCustomer[]): Promise<number> =>
      (await readAnew(ctx, (tx) => counterRepository.touched(tx, customers, clock.now()))).size,

    /** One page of the counters that nobody has read for a while, of all tenants: read anew, so that whatever made them wrong is mended. */
    async reconcile(after: CounterCursor | null): Promise<ReconciledPage> {
      const now = clock.now();
      const due = await database.asSystem('usage counters', (tx) =>
        counterRepository.stale(tx, now.minus({ seconds: staleSeconds }), now, after, PAGE),
      );
      const failures: string[] = [];
      for (const counters of Map.groupBy(due, environmentKey).values()) {
        const { tenantId, environmentId } = counters[0] as UsageCounter;
        try {
          await readAnew(systemContext(tenantId, environmentId, 'usage counters'), (tx) =>
            counterRepository.getMany(
              tx,
              counters.map(({ id }) => id),
            ),
          );
        } catch (error) {
          // With an engine away all others would fail, too. Anything else is this environment's own.
          if (error instanceof DomainError && error.code === 'service_unavailable') throw error;
          failures.push(`${tenantId} ${environmentId}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      const last = due.at(-1);
      return {
        read: due.length,
        failures,
        next: last !== undefined && due.length === PAGE ? { time: last.countedAt.toISO() as string, id: last.id } : null,
      };
    },

    /** Deletes counters of closed windows, and those that nobody wants to know any more; a bounded number. Answers how many, and whether there may be more. */
    async forget(): Promise<{ deleted: number; more: boolean }> {
      const now = clock.now();
      const deleted = await database.asSystem('usage counters', (tx) =>
        counterRepository.deleteUnused(tx, now.minus(CLOSED_FOR), now.minus(IDLE), DELETED_PER_ROUND),
      );
      return { deleted, more: deleted === DELETED_PER_ROUND };
    },
  };
}
