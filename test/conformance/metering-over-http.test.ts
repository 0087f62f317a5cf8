import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { Decimal } from '#kernel/decimal.ts';
import { newId } from '#kernel/ids.ts';
import { parseExactJson } from '#kernel/json.ts';
import { cases } from '../support/conformance.ts';
import { type ConformanceTarget, deploymentTarget, localTarget } from '../support/conformance-target.ts';
import type { EventSketch } from '../support/metering.ts';
import { describeWithKafka } from '../support/real-engines.ts';

// The worked examples of metering from the request that brings the events to the answer with the usage. Against any deployment:
// FLEXPRICE_CONFORMANCE_URL=https://... FLEXPRICE_CONFORMANCE_KEY=sk_... npm test -- test/conformance

interface Query {
  readonly type: string;
  readonly field?: string;
  readonly multiplier?: string;
  readonly filters?: Record<string, string[]>;
  readonly sources?: string[];
  readonly group_by?: string;
  readonly window_size?: string;
  readonly bucket_size?: string;
  readonly only_total?: boolean;
}
interface Given {
  readonly events: readonly EventSketch[];
  readonly query: Query;
  readonly range: readonly [string, string];
}
interface Expected {
  readonly value: string;
  readonly points?: readonly [string | null, string][];
}
interface Answer {
  readonly value?: number | string;
  readonly results: readonly { readonly window_size?: string; readonly value: number | string }[];
}

const EXAMPLES = cases<Given, Expected>('metering.json', 'usage');
const WAIT = { timeout: 60_000, interval: 100 };
/** Events that are accepted in one order must not be of one millisecond. */
const APART_MS = 5;

function examples(start: () => Promise<ConformanceTarget>): void {
  const run = newId('event', systemClock);
  const named = (id: string): string => `${run} ${id}`;
  let target: ConformanceTarget;

  const ask = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> => {
    const { status, text } = await target.request(method, path, body);
    return { status, body: text === '' ? undefined : parseExactJson(text) };
  };

  beforeAll(async () => {
    target = await start();
    for (const { id, given } of EXAMPLES) await send(id, given.events);
    for (const { id, given } of EXAMPLES) {
      for (const event of new Set(given.events.map((each) => each.id))) {
        await vi.waitFor(
          async () =>
            expect((await ask('GET', `/v1/events/lookup?id=${encodeURIComponent(`${named(id)} ${event}`)}`)).body).toMatchObject({
              status: 'processed',
            }),
          WAIT,
        );
      }
    }
  }, 120_000);
  afterAll(() => target?.close());

  /** In the order in which the example says that they were accepted. */
  async function send(id: string, events: readonly EventSketch[]): Promise<void> {
    const order = Map.groupBy(events, (event) => event.ingestedAt ?? '');
    for (const [, together] of [...order].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const body = {
        events: together.map(({ id: event, at, properties, source }) => ({
          event_id: `${named(id)} ${event}`,
          event_name: named(id),
          external_customer_id: named(id),
          timestamp: at,
          properties: properties ?? {},
          ...(source && { source }),
        })),
      };
      expect(await ask('POST', '/v1/events/bulk', body)).toMatchObject({ status: 202 });
      await delay(APART_MS);
    }
  }

  const asked = EXAMPLES.filter(({ given }) => given.query.sources === undefined);
  test.each(asked)(
    '$id',
    async ({
      id,
      given: {
        query,
        range: [start_time, end_time],
      },
      expected,
    }) => {
      const { status, body } = await ask('POST', '/v1/events/usage', {
        event_name: named(id),
        external_customer_id: named(id),
        start_time,
        end_time,
        aggregation_type: query.type,
        property_name: query.field,
        multiplier: query.multiplier,
        filters: query.filters,
        window_size: query.window_size,
        bucket_size: query.bucket_size,
        ...(query.group_by && { group_by: [query.group_by] }),
      });
      expect({ status, body }).toMatchObject({ status: 200 });
      const { value, results } = body as Answer;
      expect(new Decimal(value ?? 0).toFixed()).toBe(expected.value);
      if (expected.points === undefined || query.only_total) return;
      // Without a window this endpoint shows the buckets themselves, which add up to the total; the example is about the total.
      if (query.bucket_size !== undefined && query.window_size === undefined && query.group_by === undefined) {
        expect(results.reduce((sum, point) => sum.plus(point.value), new Decimal(0)).toFixed()).toBe(expected.value);
        return;
      }
      // Groups are compared by their figures, without regard to their order.
      const points = results.map((point): [string | null, string] => [
        query.group_by === undefined ? (point.window_size ?? null) : null,
        new Decimal(point.value).toFixed(),
      ]);
      expect(points.sort(inOrder)).toEqual(
        expected.points.map(([at, figure]): [string | null, string] => [query.group_by === undefined ? at : null, figure]).sort(inOrder),
      );
    },
  );

  test.each(EXAMPLES.filter(({ given }) => given.query.sources !== undefined))(
    '$id, by source',
    async ({
      id,
      given: {
        query,
        range: [start_time, end_time],
      },
      expected,
    }) => {
      const meter = {
        name: id,
        event_name: named(id),
        aggregation: { type: query.type, field: query.field },
        reset_usage: 'BILLING_PERIOD',
      };
      const feature = await ask('POST', '/v1/features', { name: id, type: 'metered', meter });
      expect(feature).toMatchObject({ status: 201 });
      const { body } = await ask('POST', '/v1/events/analytics', {
        external_customer_id: named(id),
        start_time,
        end_time,
        sources: query.sources,
        feature_ids: [(feature.body as { id: string }).id],
      });
      expect(body).toMatchObject({ items: [{ total_usage: expected.value }] });
    },
  );
}

function inOrder([a, x]: [string | null, string], [b, y]: [string | null, string]): number {
  return `${a} ${x}` < `${b} ${y}` ? -1 : 1;
}

const deployment = deploymentTarget();
if (deployment) {
  describe('the worked examples on the deployment', () => examples(async () => deployment));
} else {
  describe('the worked examples on embedded engines', () => examples(() => localTarget()));
  describeWithKafka('the worked examples on a real broker', (kafka) =>
    examples(() => localTarget({ FLEXPRICE_KAFKA_BROKERS: kafka().brokers.join(',') })),
  );
}
