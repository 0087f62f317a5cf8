import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WINDOW_SIZES, windowStart } from '#kernel/calendar/windows.ts';
import { Bindings } from '#platform/clickhouse/sql.ts';
import { windowSql } from '#platform/clickhouse/windows-sql.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { ZONES } from '../support/arbitraries.ts';
import { openTestClickHouse } from '../support/metering.ts';

let clickhouse: ClickHouse;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ clickhouse, close } = await openTestClickHouse());
});
afterAll(() => close());

/** Instants around every change of the clock in two years, and a few between. */
function instants(timezone: string): number[] {
  const found: number[] = [];
  const step = 24 * 3_600_000;
  for (let time = Date.UTC(2023, 0, 1); time < Date.UTC(2025, 0, 1); time += step) {
    const changes = DateTime.fromMillis(time, { zone: timezone }).offset !== DateTime.fromMillis(time + step, { zone: timezone }).offset;
    if (changes) found.push(...Array.from({ length: 100 }, (_, index) => time - 2 * 3_600_000 + index * 20 * 60_000));
    else if (time % (step * 19) === 0) found.push(time + 17 * 60_000 + 12_345, time + 8 * 3_600_000 - 1);
  }
  return found;
}

const anchor = DateTime.utc(2023, 1, 31, 15);
const range = { start: DateTime.utc(2022, 12, 1), end: DateTime.utc(2025, 2, 1) };

test.each(ZONES)('windows begin where the calendar says in %s', async (timezone) => {
  const times = instants(timezone);
  for (const size of WINDOW_SIZES) {
    const bindings = new Bindings();
    const rows = await clickhouse.query<{ start: string }>(
      `SELECT ${windowSql(bindings, 'time', { size, timezone, anchor }, range)} AS start FROM (SELECT arrayJoin([${times.join(',')}]::Array(Int64)) AS time)`,
      bindings.parameters,
    );
    const differences = times.flatMap((time, index) => {
      const expected = windowStart(DateTime.fromMillis(time, { zone: 'utc' }), size, timezone, anchor).toMillis();
      const actual = Number(rows[index]?.start);
      return actual === expected
        ? []
        : [
            {
              size,
              at: new Date(time).toISOString(),
              clickhouse: new Date(actual).toISOString(),
              calendar: new Date(expected).toISOString(),
            },
          ];
    });
    expect(differences).toEqual([]);
  }
});
