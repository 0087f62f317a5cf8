import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { testConfig } from '#test/support/engines.ts';
import { openTestClickHouse } from '#test/support/metering.ts';
import { type ClickHouse, createClickHouse } from './client.ts';
import { migrateClickHouse } from './migrate.ts';

let clickhouse: ClickHouse;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ clickhouse, close } = await openTestClickHouse());
});
afterAll(() => close());

const HOSTILE = ["'; DROP TABLE events; --", '\\', "\\'", '"', '`', '{x:String}', '%00', '\n\t\r', '\u0000', 'ключ', '🦄', '', '\\N'];

test.each(HOSTILE)('a parameter arrives as it was sent: %j', async (text) => {
  const [row] = await clickhouse.query<{ one: string; list: string[] }>('SELECT {one:String} AS one, {list:Array(String)} AS list', {
    one: text,
    list: [text, 'x', text],
  });
  expect(row).toEqual({ one: text, list: [text, 'x', text] });
});

test('parameters that are too long for a URL arrive', async () => {
  const list = Array.from({ length: 5000 }, (_, index) => `customer's ${index}`);
  expect(await clickhouse.query('SELECT {list:Array(String)} AS list', { list })).toEqual([{ list }]);
});

test('decimals and 64-bit integers keep their digits', async () => {
  const [row] = await clickhouse.query(
    "SELECT toDecimal256('9007199254740993.000000000000000001', 36) AS exact, toUInt64('18446744073709551615') AS large",
  );
  expect(row).toEqual({ exact: '9007199254740993.000000000000000001', large: '18446744073709551615' });
});

test('an engine that is away is unavailable, a wrong statement is a bug', async () => {
  await expect(clickhouse.query('SELECT nothing_like_this')).rejects.toMatchObject({ code: '47' });
  const away = createClickHouse(testConfig({ FLEXPRICE_CLICKHOUSE_URL: 'http://127.0.0.1:9' }));
  await expect(away.query('SELECT 1')).rejects.toMatchObject({ code: 'service_unavailable' });
  await expect(away.ping()).rejects.toMatchObject({ code: 'service_unavailable' });
  await expect(away.insert({ table: 'events', columns: ['id'], rows: [['x']], token: 't' })).rejects.toMatchObject({
    code: 'service_unavailable',
  });
  await away.close();
});

test('an insert on one server is never dropped for its token: what is known of it may be all that a crash left', async () => {
  const row = { table: 'event_ids', columns: ['id_hash', 'id'], rows: [['18446744073709551615', 'x']] };
  for (const token of ['a', 'a']) await clickhouse.insert({ ...row, token });
  expect(await clickhouse.query("SELECT count() AS rows FROM event_ids FINAL WHERE id = 'x'")).toEqual([{ rows: '1' }]);
  expect(
    await clickhouse.query(
      "SELECT engine_full LIKE '%non_replicated_deduplication_window = 0%' AS off FROM system.tables WHERE database = currentDatabase() AND name = 'event_ids'",
    ),
  ).toEqual([{ off: 1 }]);
});

test('migrating again changes nothing', async () => {
  const [{ database }] = (await clickhouse.query<{ database: string }>('SELECT currentDatabase() AS database')) as [{ database: string }];
  const url = inject('engines').clickhouseUrl;
  expect(await migrateClickHouse(testConfig({ FLEXPRICE_CLICKHOUSE_URL: url, FLEXPRICE_CLICKHOUSE_DATABASE: database }))).toEqual([]);
});
