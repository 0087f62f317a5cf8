// Names of the streams and of those who read them. The code has the same in shared/platform/event-log/topics.ts and where it
// subscribes; the CDK app imports none of it, and test/infra compares the two.

export const EVENT_TOPICS = ['events', 'events_lazy'] as const;
export const TOPICS = [...EVENT_TOPICS, 'events_post_processing', 'system_events'] as const;
export const CONSUMER_GROUPS = EVENT_TOPICS.map((topic) => `event-store-${topic}`);
export const AUDIT_GROUP = 'audit';
/** Beginning of the names of groups that only look into a topic. */
export const READER_GROUPS = 'flexprice-reader-';
export const COUNTER_GROUP = 'usage-counters';
export const FOLLOW_UP_GROUP = 'event-follow-up';

/** The dead-letter streams of topics. */
export function deadLettersOf(topics: readonly string[]): string[] {
  return topics.map((topic) => `${topic}.dlq`);
}

export const ALL_TOPICS = [...TOPICS, ...deadLettersOf(TOPICS)];
