import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import { decimal } from '#kernel/decimal.ts';
import type { AggregationType } from '#metering/domain/meter.ts';
import { createUsageRepository } from '#metering/repository/usage.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { cases, expectDecimal } from '../support/conformance.ts';
import { type EventSketch, meteringCtx, openTestClickHouse, range, storeEvents, usageQuery } from '../support/metering.ts';

interface Given {
  readonly events: readonly EventSketch[];
  readonly query: {
    readonly type: AggregationType;
    readonly field?: string;
    readonly multiplier?: string;
    readonly filters?: Record<string, string[]>;
    readonly sources?: string[];
    readonly group_by?: string;
    readonly window_size?: WindowSize;
    readonly bucket_size?: WindowSize;
  };
  readonly range: readonly [string, string];
}
interface Expected {
  readonly value: string;
  readonly count?: number;
  readonly points?: readonly [string | null, string][];
}

let clickhouse: ClickHouse;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ clickhouse, close } = await openTestClickHouse());
});
afterAll(() => close());

test.each(cases<Given, Expected>('metering.json', 'usage'))(
  '$id',
  async ({
    id,
    given: {
      events,
      query,
      range: [start, end],
    },
    expected,
  }) => {
    const customer = `customer of ${id}`;
    await storeEvents(
      clickhouse,
      events.map((event) => ({ ...event, customer, id: `${id} ${event.id}` })),
    );
    const [usage] = await createUsageRepository(clickhouse).usages(meteringCtx, [
      usageQuery({
        type: query.type,
        field: query.field ?? null,
        multiplier: query.multiplier === undefined ? null : decimal(query.multiplier),
        filters: Object.entries(query.filters ?? {}).map(([key, values]) => ({ key, values })),
        sources: query.sources ?? null,
        groupBy: query.group_by ?? null,
        bucketSize: query.bucket_size ?? null,
        window: query.window_size === undefined ? null : { size: query.window_size, timezone: 'UTC', anchor: null },
        externalCustomerIds: [customer],
        range: range(start, end),
      }),
    ]);
    if (usage === undefined) throw new Error('no answer');
    expectDecimal(usage.value, expected.value);
    if (expected.count !== undefined) expect(usage.eventCount).toBe(expected.count);
    if (expected.points !== undefined) {
      expect(
        usage.points.map((point) => [point.windowStart?.toISO({ suppressMilliseconds: true }) ?? point.group, point.value.toFixed()]),
      ).toEqual(expected.points);
    }
  },
);
