import { expect } from 'vitest';
import type { App } from '#app/create-app.ts';
import type { RequestContext } from '#kernel/context.ts';
import { EVENT_STREAMS } from '#ingestion/service/event-streams.ts';
import { FOLLOW_UP_GROUP } from '#ingestion/service/follow-up-consumer.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import type { OutboxRow } from '#platform/postgres/outbox.ts';

const WAIT = { timeout: 30_000, interval: 30 };

/** Waits until what follows from all stored events is done. */
export async function followedUp({ eventLog }: App): Promise<void> {
  const log = await eventLog;
  // In this order: what is stored is said before its offsets are committed.
  for (const { group, topic } of [...EVENT_STREAMS, { group: FOLLOW_UP_GROUP, topic: TOPICS.eventsPostProcessing }]) {
    await expect.poll(async () => (await log.lag(group, topic)).every(({ end, committed }) => end === committed), WAIT).toBe(true);
  }
}

/** What a tenant's environment has in its outbox under a name, the oldest first. */
export function outboxOf({ database }: App, ctx: RequestContext, eventName: string): Promise<OutboxRow[]> {
  return database.withTenant(ctx, (tx) =>
    tx.selectFrom('outbox').selectAll().where('eventName', '=', eventName).orderBy('position').execute(),
  );
}
