import { startFollowUpConsumer } from '#ingestion/service/follow-up-consumer.ts';
import type { EventLog, Subscription } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { type App, modules } from './create-app.ts';
import type { Consumer } from '#module/declaration.ts';

/** What follows from stored events, by any module: one group, in which an environment holds up no other. */
export const followUp =
  (app: App): Consumer =>
  ({ eventLog, logger }) =>
    startFollowUpConsumer({
      eventLog,
      logger,
      followers: Object.fromEntries(modules.flatMap((module) => Object.entries(module.followers?.(app) ?? {}))),
    });

/** Starts every reader of topics that the modules have. When one cannot start, those that did are stopped. */
export async function startFollowers(
  app: App,
  process: { readonly eventLog: EventLog; readonly logger: EventLogLogger },
): Promise<{ stop(): Promise<void> }> {
  const started: Subscription[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((subscription) => subscription.stop()));
  };
  try {
    for (const consumer of [...modules.flatMap((module) => module.consumers?.(app) ?? []), followUp(app)])
      started.push(await consumer(process));
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
