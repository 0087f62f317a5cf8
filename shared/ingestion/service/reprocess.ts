import type { DateTime } from 'luxon';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { EventLog } from '#platform/event-log/event-log.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import type { Database } from '#platform/postgres/database.ts';
import { publish } from '#platform/resource/publish.ts';
import { enqueueJob } from '#platform/workflows/enqueue.ts';
import type { Reprocess, ReprocessPosition } from '../domain/reprocess.ts';
import { REPROCESS_EVENTS } from '../jobs/reprocess-events.ts';
import { reprocessEvents } from '../events.ts';
import { reprocessRepository } from '../repository/reprocesses.ts';
import { createStoredPages } from '../repository/stored-pages.ts';
import { stageStored } from './post-processing.ts';

export interface ReprocessRequest {
  readonly externalCustomerIds: readonly string[];
  readonly eventNames: readonly string[];
  readonly eventIds: readonly string[];
  readonly startDate: DateTime;
  /** Null: now. */
  readonly endDate: DateTime | null;
  readonly batchSize: number;
}

export interface ReprocessDependencies {
  readonly clickhouse: () => ClickHouse;
  readonly eventLog: () => Promise<Pick<EventLog, 'append'>>;
  readonly database: Database;
  readonly clock: Clock;
}
export type ReprocessService = ReturnType<typeof createReprocessService>;

/** Stored events taken through post-processing again, by a job (metering.md 11). */
export function createReprocessService({ clickhouse, eventLog, database, clock }: ReprocessDependencies) {
  return {
    /** Starts a run. Throws a validation error for a range without an instant in it. */
    start(ctx: RequestContext, request: ReprocessRequest): Promise<Reprocess> {
      const now = clock.now();
      const endDate = request.endDate ?? now;
      if (endDate <= request.startDate)
        throw request.endDate === null ? invalid('start_date', 'must be before now') : invalid('end_date', 'must be after start_date');
      const id = `${REPROCESS_EVENTS.name}-${newId('job', clock)}`;
      const selection = {
        externalCustomerIds: request.externalCustomerIds,
        eventNames: request.eventNames,
        eventIds: request.eventIds,
        startDate: request.startDate.toISO() ?? '',
        endDate: endDate.toISO() ?? '',
        ingestedUntil: now.toISO() ?? '',
      };
      return database.withTenant(ctx, async (tx) => {
        await reprocessRepository.insert(tx, { id, selection, batchSize: request.batchSize, createdAt: now });
        await publish(tx, clock, reprocessEvents.started, { id, ...selection });
        // The id is the row's own, so a start that the relay hands over twice runs once.
        await enqueueJob(tx, clock, {
          job: REPROCESS_EVENTS.name,
          workflowId: id,
          input: { tenantId: ctx.tenantId, environmentId: ctx.environmentId, reprocessId: id },
        });
        return reprocessRepository.get(tx, id);
      });
    },

    /** Throws NotFound. */
    get: (ctx: RequestContext, id: string): Promise<Reprocess> => database.withTenant(ctx, (tx) => reprocessRepository.get(tx, id)),

    /** One page of a run. What it notes follows from its arguments, so that a page that is taken twice is counted once. */
    async page(
      ctx: RequestContext,
      id: string,
      { after, processed }: { readonly after: ReprocessPosition | null; readonly processed: number },
      heartbeat: () => void,
    ): Promise<{ processed: number; after: ReprocessPosition | null }> {
      const run = await database.withTenant(ctx, (tx) => reprocessRepository.get(tx, id));
      const pages = createStoredPages(clickhouse());
      if (after === null) {
        const total = await pages.count(ctx, run.selection);
        await database.withTenant(ctx, (tx) =>
          reprocessRepository.update(tx, id, {
            runStatus: 'running',
            startedAt: run.startedAt ?? clock.now(),
            total,
            failureReason: null,
            finishedAt: null,
          }),
        );
        heartbeat();
      }
      const events = await pages.page(ctx, run.selection, after, run.batchSize);
      heartbeat();
      if (events.length > 0) await (await eventLog()).append(TOPICS.eventsPostProcessing, stageStored(events));
      const last = events.at(-1);
      const position =
        last === undefined
          ? after
          : { externalCustomerId: last.externalCustomerId, eventName: last.eventName, timestamp: last.timestamp, id: last.id };
      const done = events.length < run.batchSize;
      const count = processed + events.length;
      await database.withTenant(ctx, (tx) =>
        reprocessRepository.update(tx, id, {
          processed: count,
          ...(position === null ? {} : { lastPosition: position }),
          ...(done ? { runStatus: 'completed', finishedAt: clock.now() } : { runStatus: 'running' }),
        }),
      );
      return { processed: count, after: done ? null : position };
    },

    fail: (ctx: RequestContext, id: string, reason: string): Promise<void> =>
      database.withTenant(ctx, (tx) =>
        reprocessRepository.update(tx, id, { runStatus: 'failed', failureReason: reason.slice(0, 500), finishedAt: clock.now() }),
      ),
  };
}
