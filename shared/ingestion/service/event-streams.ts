import { TOPICS, type TopicName } from '#platform/event-log/topics.ts';

/** Stem of the consumer groups that store events, one per stream. */
export const EVENT_CONSUMER_GROUP = 'event-store';

/** The streams that events come in on, with the group that stores them: a tenant who was put aside cannot hold up the others. */
export const EVENT_STREAMS: readonly { readonly topic: TopicName; readonly group: string }[] = [TOPICS.events, TOPICS.eventsLazy].map(
  (topic) => ({ topic, group: `${EVENT_CONSUMER_GROUP}-${topic}` }),
);
