import { randomUUID } from 'node:crypto';
import type { Metrics } from '#platform/observability/metrics.ts';

export interface CanaryOptions {
  /** Where the API is, without a slash at the end. */
  readonly url: string;
  /** A key of the canary's own tenant, with the rights to write events and to read usage. */
  readonly apiKey: string;
  /** Name of the header that carries the key. */
  readonly keyHeader: string;
  readonly metrics: Metrics;
  /** How long usage may take to show the event. */
  readonly deadlineMs: number;
  readonly pollMs: number;
}

const EVENT_NAME = 'flexprice.canary';
const CUSTOMER = 'flexprice-canary';
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Walks the way of a customer's event: sends one through the public API and asks for its usage until it counts. Records and
 * returns the seconds in between. Throws when a request is refused or the usage does not come in time.
 */
export async function runCanary(options: CanaryOptions): Promise<number> {
  const run = randomUUID();
  const started = performance.now();
  await post(options, '/v1/events', {
    event_id: `canary-${run}`,
    event_name: EVENT_NAME,
    external_customer_id: CUSTOMER,
    source: 'canary',
    properties: { run },
  });
  const accepted = performance.now();
  const end = started + options.deadlineMs;
  for (let waited = 0; ; waited += 1) {
    const usage = await post(options, '/v1/events/usage', {
      event_name: EVENT_NAME,
      external_customer_id: CUSTOMER,
      aggregation_type: 'COUNT',
      filters: { run: [run] },
    });
    const seconds = (performance.now() - accepted) / 1000;
    const { value } = usage as { value: number };
    if (value === 1) {
      options.metrics.record('CanaryLatencySeconds', seconds);
      return seconds;
    }
    if (value !== 0) throw new Error(`an event that was sent once counts ${value} times (run ${run})`);
    if (performance.now() + options.pollMs > end)
      throw new Error(
        `the event was accepted, but ${Math.round(seconds)} s and ${waited + 1} questions later usage does not show it (run ${run})`,
      );
    await new Promise((resolve) => setTimeout(resolve, options.pollMs));
  }
}

async function post({ url, apiKey, keyHeader }: CanaryOptions, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', [keyHeader]: apiKey },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${text.slice(0, 500)}`);
  return JSON.parse(text);
}
