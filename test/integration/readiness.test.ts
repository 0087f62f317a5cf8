import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { healthRoutes } from '#functions/management/health-routes.ts';
import { fixedClock } from '#kernel/clock.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import type { Route } from '#platform/http/route.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
const clock = fixedClock(DateTime.utc(2026, 3, 1));
beforeAll(async () => {
  api = await startTestApi({ clickhouse: true, clock });
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
  const missing = await ready();
  // Everybody may ask: what exactly is wrong stands in the log.
  expect([missing.status, missing.body]).toEqual([
    503,
    {
      status: 'not_ready',
      engines: { postgres: { status: 'ok' }, clickhouse: { status: 'ok' }, event_log: { status: 'failing' } },
    },
  ]);

  await log.ensureTopics(specs);
  clock.set(clock.now().plus({ milliseconds: 999 }));
  expect((await ready()).status).toBe(503);
  clock.set(clock.now().plus({ milliseconds: 2 }));
  expect(await ready()).toMatchObject({ status: 200, body: { status: 'ready', engines: { event_log: { status: 'ok' } } } });
});

test('many who ask at once ask the engines once, and one that is silent fails without holding the answer up for long', async () => {
  let asked = 0;
  const engines = {
    clock,
    readiness: () => ({
      postgres: async () => {
        asked += 1;
      },
      clickhouse: () => new Promise<void>(() => {}),
    }),
  };
  const { handler } = healthRoutes(engines).find(({ path }) => path === '/health/ready') as Route;
  const answers = await Promise.all(Array.from({ length: 20 }, () => handler({} as never)));
  expect(asked).toBe(1);
  expect(answers).toEqual(
    Array.from({ length: 20 }, () => ({
      status: 503,
      body: { status: 'not_ready', engines: { postgres: { status: 'ok' }, clickhouse: { status: 'failing' } } },
      log: { failing: { clickhouse: 'no answer within 5 s' } },
    })),
  );
});
