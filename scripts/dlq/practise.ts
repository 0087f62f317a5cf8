import type { App } from '#app/create-app.ts';
import { newId } from '#kernel/ids.ts';
import { deadLetterOf } from '#platform/event-log/dead-letter.ts';
import type { LogRecord } from '#platform/event-log/event-log.ts';
import { CONTENT, dlqOf, HEADERS, TOPICS } from '#platform/event-log/topics.ts';

/** What the events of the exercise are called, and whose they are. */
const PRACTICE = { event_name: 'dlq.practice', external_customer_id: 'dlq-practice' } as const;

/**
 * Makes two dead letters for the tenant of Local Mode's key. One goes the way of all of them: a line that is no JSON, written past the API, which the
 * consumer refuses. The other is an event that is good, as if an older consumer had refused it: driven again, it is stored and counted.
 */
export async function practise(
  { authenticator, clock, config, eventLog }: Pick<App, 'authenticator' | 'clock' | 'config' | 'eventLog'>,
  say: (text: string) => void,
): Promise<void> {
  const { tenantId, environmentId } = await authenticator.authenticate({ [config.auth.header]: config.local.api_key }, 'api_key');
  const [log, now] = [await eventLog, clock.now()];
  const record = (value: string): LogRecord => ({
    key: `${tenantId}:${environmentId}:${PRACTICE.external_customer_id}`,
    value: Buffer.from(value),
    headers: {
      [HEADERS.tenantId]: tenantId,
      [HEADERS.environmentId]: environmentId ?? '',
      [HEADERS.content]: CONTENT.eventPack,
      [HEADERS.count]: '1',
      [HEADERS.ingestedAt]: now.toISO() ?? '',
    },
  });
  await log.append(TOPICS.events, [record(`{"id":"${newId('event', clock)}","event_name":"${PRACTICE.event_name}",`)]);

  const good = record(JSON.stringify({ ...PRACTICE, id: newId('event', clock), timestamp: now.toMillis(), properties: '{}' }));
  const message = { ...good, offset: 0n, timestamp: now };
  await log.append(dlqOf(TOPICS.events), [
    deadLetterOf(
      { topic: TOPICS.events, partition: 0 },
      { message, line: 0, value: good.value, reason: 'invalid_event', detail: 'an exercise: a former consumer did not know this event' },
      clock,
    ),
  ]);
  say(
    [
      'Two letters, the first as soon as the consumer has met it:',
      '  bad_json       can never be stored: driven again it comes back as a new letter',
      `  invalid_event  is good: driven again it counts as one ${PRACTICE.event_name} of ${PRACTICE.external_customer_id}`,
      'Look: npm run dlq -- list',
    ].join('\n'),
  );
}
