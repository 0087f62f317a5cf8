import { afterAll, beforeAll, expect, test } from 'vitest';
import { topicSpecs } from '#platform/event-log/topics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clickhouse: true });
});
afterAll(() => api.close());

const ready = () => api.send('GET', '/health/ready', undefined, {});

test('readiness names every engine, and fails while a topic is missing', async () => {
  const log = await api.app.eventLog;
  const specs = topicSpecs(api.config);
  expect(specs.map((spec) => spec.name)).toEqual(
    expect.arrayContaining(
      ['events', 'events_lazy', 'events_post_processing', 'system_events'].flatMap((topic) => [topic, `${topic}.dlq`]),
    ),
  );

  await log.ensureTopics(specs.filter((spec) => spec.name !== 'events_lazy.dlq'));
  expect(await ready()).toMatchObject({
    status: 503,
    body: {
      status: 'not_ready',
      engines: {
        postgres: { status: 'ok' },
        clickhouse: { status: 'ok' },
        event_log: { status: 'failing', error: 'missing topics: events_lazy.dlq' },
      },
    },
  });

  await log.ensureTopics(specs);
  expect(await ready()).toMatchObject({ status: 200, body: { status: 'ready', engines: { event_log: { status: 'ok' } } } });
});
