import { setTimeout as delay } from 'node:timers/promises';
import { steadyIngest } from './background.ts';
import { type Measurement, measurement, percentiles } from './figures.ts';
import type { Sizes } from './sizes.ts';
import type { Server } from './surroundings.ts';

const EVENT_NAME = 'bench_visible';
const BESIDE = { perSecond: 5_000, customers: 1_000 };
const POLL_MS = 10;
const PATIENCE_MS = 60_000;

interface Running {
  readonly api: Server;
  readonly headers: Readonly<Record<string, string>>;
  readonly firstIndex: number;
}

/** From the moment a single event is sent until the usage endpoint counts it, beside a steady load, against the answer that it was accepted. */
export async function eventToVisible({ api, headers, firstIndex }: Running, { visibleEvents }: Sizes): Promise<Measurement[]> {
  const beside = steadyIngest(api, headers, BESIDE.perSecond, firstIndex, BESIDE.customers);
  const [accepted, visible]: [number[], number[]] = [[], []];
  try {
    for (let index = 0; index < visibleEvents; index += 1) {
      const started = performance.now();
      await post(
        api,
        headers,
        '/v1/events',
        { event_name: EVENT_NAME, event_id: `visible-${index}`, external_customer_id: `visible-${index}`, properties: {} },
        202,
      );
      accepted.push(performance.now() - started);
      await untilCounted(api, headers, `visible-${index}`, started + PATIENCE_MS);
      visible.push(performance.now() - started);
    }
  } finally {
    await beside.stop();
  }
  return [
    measurement(
      `event to visible usage, beside ${BESIDE.perSecond.toLocaleString('en-US')} events/s`,
      percentiles(visible),
      'its acceptance',
      percentiles(accepted),
    ),
  ];
}

async function untilCounted(api: Server, headers: Running['headers'], customer: string, deadline: number): Promise<void> {
  for (;;) {
    const usage = (await post(
      api,
      headers,
      '/v1/events/usage',
      { event_name: EVENT_NAME, aggregation_type: 'COUNT', external_customer_id: customer },
      200,
    )) as { value?: number };
    if (Number(usage.value ?? 0) === 1) return;
    if (performance.now() > deadline) throw new Error(`an event was not visible after ${PATIENCE_MS / 1000} s`);
    await delay(POLL_MS);
  }
}

async function post({ url }: Server, headers: Running['headers'], path: string, body: unknown, expected: number): Promise<unknown> {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.status !== expected) throw new Error(`${path} answered ${answer.status} ${text}`);
  return JSON.parse(text);
}
