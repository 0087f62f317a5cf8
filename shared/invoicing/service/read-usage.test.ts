import fc from 'fast-check';
import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import type { UsageQuestion } from '#charges/domain/inputs.ts';
import { startOfLocalDay } from '#kernel/calendar/civil.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import { systemContext } from '#kernel/context.ts';
import { max, ZERO } from '#kernel/decimal.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { MeterUsageRequest } from '#metering/service/usage.ts';
import { usageOf } from '#test/support/event-list.ts';
import { readUsage } from './read-usage.ts';

const NOW = DateTime.utc(2026, 6, 1);
/** Clocks change on 29 March in Berlin, on 8 March in New York, and by half an hour on 5 April on Lord Howe. */
const BEFORE_THE_CHANGE: Readonly<Record<string, DateTime>> = {
  'America/New_York': DateTime.utc(2026, 3, 6),
  'Australia/Lord_Howe': DateTime.utc(2026, 4, 3),
};
const meterOf = (bucketSize: WindowSize | null) =>
  ({
    id: 'meter_1',
    eventName: 'load',
    aggregation: { type: 'MAX', field: 'value', multiplier: null, bucketSize, groupBy: null },
    filters: [],
    resetUsage: 'BILLING_PERIOD',
    disabledAt: null,
  }) as unknown as Meter;

test('days that are asked at once are those that are asked one by one, also of a bucketed meter, over clock changes', async () => {
  const hour = fc.integer({ min: 0, max: 24 * 6 });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(null, '15MIN', 'HOUR', '3HOUR', '12HOUR', 'DAY', 'WEEK'),
      fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'),
      fc.array(fc.record({ minute: fc.integer({ min: 0, max: 60 * 24 * 7 }), value: fc.integer({ min: -5, max: 50 }) }), { maxLength: 60 }),
      hour,
      hour,
      async (bucketSize, timezone, used, from, length) => {
        const base = BEFORE_THE_CHANGE[timezone] ?? DateTime.utc(2026, 3, 27);
        const period = { start: base.plus({ hours: from }), end: base.plus({ hours: from + length + 1 }) };
        const windows: Period[] = [];
        for (let day = startOfLocalDay(period.start, timezone); day < period.end; day = startOfLocalDay(day, timezone, 1))
          windows.push({ start: day.toUTC(), end: DateTime.min(startOfLocalDay(day, timezone, 1), period.end).toUTC() });
        const events = used.map(({ minute, value }) => ({
          name: 'load',
          customer: 'acme',
          at: base.plus({ minutes: minute }).toISO() ?? '',
          properties: { value },
        }));
        let queries = 0;
        const ask = async (byDay: boolean) => {
          queries = 0;
          const question = {
            lineItemId: 'line_1',
            meterId: 'meter_1',
            period,
            whole: period,
            windows,
            byDay,
            buckets: false,
            committedWindows: false,
          };
          const read = async (_: unknown, requests: readonly MeterUsageRequest[]) => {
            queries += requests.length;
            return requests.map((request) => usageOf(events, request, NOW));
          };
          const scope = {
            externalCustomerId: 'acme',
            inherited: [],
            timezone,
            meters: new Map([['meter_1', meterOf(bucketSize)]]),
            items: [],
          };
          const [answer] = await readUsage(read as never, systemContext('tenant_1', 'env_1', 'test'), [question as UsageQuestion], scope);
          return answer;
        };
        const shown = (answer: Awaited<ReturnType<typeof ask>>) => ({
          whole: max(answer?.whole.value ?? ZERO, ZERO).toFixed(),
          // What is below zero is over no limit.
          readings: answer?.readings.map(({ period: { start, end }, value, eventCount }) => [
            `${start.toISO()} ${end.toISO()}`,
            max(value, ZERO).toFixed(),
            eventCount,
          ]),
        });
        const apart = shown(await ask(false));
        expect(shown(await ask(true))).toEqual(apart);
        if (bucketSize !== '15MIN' && bucketSize !== 'WEEK') expect(queries).toBeLessThanOrEqual(2);
      },
    ),
    { numRuns: 150 },
  );
});
