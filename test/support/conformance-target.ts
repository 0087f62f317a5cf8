import { silentLogger } from '#platform/event-log/log.ts';
import { startConsumer } from '#workers/consumer/run.ts';
import { startTestApi } from './api.ts';
import { ensureTopics } from './events.ts';

/** Whatever answers requests of one tenant: the handlers in this process, or a deployment. */
export interface ConformanceTarget {
  /** The body comes as text, because numbers in it may have more digits than JavaScript's. */
  request(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly text: string }>;
  close(): Promise<void>;
}

/** A deployment that is told by FLEXPRICE_CONFORMANCE_URL and FLEXPRICE_CONFORMANCE_KEY; without them the product in this process. */
export function deploymentTarget(): ConformanceTarget | undefined {
  const { FLEXPRICE_CONFORMANCE_URL: url, FLEXPRICE_CONFORMANCE_KEY: key } = process.env;
  if (!url) return undefined;
  if (!key) throw new Error('FLEXPRICE_CONFORMANCE_KEY is missing');
  return {
    async request(method, path, body) {
      const answer = await fetch(new URL(path, url), {
        method,
        headers: { 'x-api-key': key, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: answer.status, text: await answer.text() };
    },
    close: async () => undefined,
  };
}

/** The real handlers and a consumer behind them, on embedded engines, or on a broker that `env` names. */
export async function localTarget(env: Readonly<Record<string, string>> = {}): Promise<ConformanceTarget> {
  const api = await startTestApi({ clickhouse: true, env: { FLEXPRICE_CONSUMER_MAX_WAIT_MS: '20', ...env } });
  await ensureTopics(api.app);
  const consumer = await startConsumer({ app: api.app, logger: silentLogger });
  return {
    request: (method, path, body) => api.request(method, path, body),
    async close() {
      await consumer.stop();
      await api.close();
    },
  };
}
