import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCanary } from '#functions/canary/canary.ts';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { type Gateway, startGateway } from '#local/gateway.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import type { MetricName } from '#platform/observability/metrics.ts';
import { type RunningConsumer, startConsumer } from '#workers/consumer/run.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { ensureTopics } from '../support/events.ts';

// The canary against the whole way that it watches: gateway, ingest, event log, consumer, ClickHouse, usage.

let api: TestApi;
let gateway: Gateway;
let consumer: RunningConsumer | undefined;

beforeAll(async () => {
  api = await startTestApi({ clickhouse: true, env: { FLEXPRICE_CONSUMER_MAX_WAIT_MS: '20' } });
  await ensureTopics(api.app);
  gateway = await startGateway(
    { ingest: createIngestHandler(api.app), management: createManagementHandler(api.app) },
    { host: '127.0.0.1', port: 0 },
  );
});
afterAll(async () => {
  await consumer?.stop();
  await gateway.close();
  await api.close();
});

function canary(deadlineMs: number, key = api.key) {
  const recorded: [MetricName, number][] = [];
  const metrics = {
    enabled: true,
    record: (name: MetricName, value: number) => {
      recorded.push([name, value]);
    },
    flush: () => undefined,
  };
  return {
    recorded,
    run: () => runCanary({ url: `http://127.0.0.1:${gateway.port}`, apiKey: key, keyHeader: 'x-api-key', pollMs: 20, deadlineMs, metrics }),
  };
}

test('without a consumer the event is accepted and never counts: the canary fails and measures nothing', async () => {
  const { run, recorded } = canary(300);
  await expect(run()).rejects.toThrow('usage does not show it');
  expect(recorded).toEqual([]);
});

test('with a consumer it sees its own event, and only that', async () => {
  consumer = await startConsumer({ app: api.app, logger: silentLogger });
  for (const _ of ['first', 'second']) {
    const { run, recorded } = canary(30_000);
    const seconds = await run();
    expect(recorded).toEqual([['CanaryLatencySeconds', seconds]]);
  }
});

test('a key that is not valid is an error at once', async () => {
  await expect(canary(30_000, 'sk_wrong').run()).rejects.toThrow('401');
});
