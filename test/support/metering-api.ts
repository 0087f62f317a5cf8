import { DateTime } from 'luxon';
import { expect, vi } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { startConsumer } from '#workers/consumer/run.ts';
import { type Answer, startTestApi, type TestApi, type TestTenant } from './api.ts';
import { ensureTopics } from './events.ts';

export interface SentEvent {
  readonly id: string;
  readonly at: string;
  readonly properties?: unknown;
  readonly name?: string;
}

export interface MeteringApi extends TestApi {
  readonly clock: ReturnType<typeof fixedClock>;
  /** Sends events of a customer and waits until all of them are stored. */
  store(customer: string, events: readonly SentEvent[], tenant?: TestTenant): Promise<void>;
  /** Makes something and answers its body; fails when it was refused. */
  made(path: string, body: object): Promise<Answer['body']>;
}

/** The API with a consumer behind it, so that events go all the way, and a clock of its own. */
export async function startMeteringApi(
  now: DateTime = DateTime.utc(2026, 3, 15, 12),
  env: Readonly<Record<string, string>> = {},
): Promise<MeteringApi> {
  const clock = fixedClock(now);
  const api = await startTestApi({ clock, clickhouse: true, env: { FLEXPRICE_CONSUMER_MAX_WAIT_MS: '20', ...env } });
  await ensureTopics(api.app);
  const consumer = await startConsumer({ app: api.app, logger: silentLogger });
  return {
    ...api,
    clock,
    async store(customer, events, tenant = api) {
      const { status, body } = await tenant.request('POST', '/v1/events/bulk', {
        events: events.map(({ id, at, properties, name }) => ({
          event_id: id,
          timestamp: at,
          external_customer_id: customer,
          event_name: name ?? 'call',
          properties: properties ?? {},
        })),
      });
      expect({ status, body }).toMatchObject({ status: 202 });
      for (const { id } of events) {
        await vi.waitFor(
          async () => expect((await tenant.request('GET', `/v1/events/lookup?id=${encodeURIComponent(id)}`)).body.status).toBe('processed'),
          { timeout: 20_000, interval: 50 },
        );
      }
    },
    async made(path, body) {
      const answer = await api.request('POST', path, body);
      if (answer.status >= 300) throw new Error(`POST ${path}: ${answer.status} ${answer.text}`);
      return answer.body;
    },
    async close() {
      await consumer.stop();
      await api.close();
    },
  };
}
