import type { App } from '#app';
import { TOPICS, topicSpecs } from '#platform/event-log/topics.ts';

/** An event that is accepted as it is, for tests that spoil one part of it. */
export const validEvent = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> =>
  ({ event_name: 'call', external_customer_id: 'c1', properties: { tokens: 3 }, ...more });

/** Makes the topics that ingest writes to. */
export async function ensureTopics({ config, eventLog }: App): Promise<void> {
  await (await eventLog).ensureTopics(topicSpecs(config));
}

/** How many records the log of events holds, over all its partitions. */
export async function loggedRecords({ eventLog }: App): Promise<bigint> {
  const partitions = await (await eventLog).lag('test', TOPICS.events);
  return partitions.reduce((sum, { end }) => sum + end, 0n);
}
