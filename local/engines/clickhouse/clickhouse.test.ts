import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, type ClickHouseSettings, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningClickHouse, startClickHouse } from './clickhouse.ts';

let folder: string;
let engine: RunningClickHouse;
let client: ClickHouseClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flexprice-clickhouse-'));
  engine = await startClickHouse({ dataDir: folder });
  await connect(engine.url).command({ query: 'CREATE DATABASE shop' });
  client = connect(engine.url, { database: 'shop' });
});

afterAll(async () => {
  await engine?.stop();
  await rm(folder, { recursive: true, force: true });
});

function connect(url: string, options: Parameters<typeof createClient>[0] = {}): ClickHouseClient {
  return createClient({ url, log: { level: ClickHouseLogLevel.OFF }, ...options });
}

async function rows<T>(query: string, query_params?: Record<string, unknown>, on: ClickHouseClient = client): Promise<T[]> {
  return (await on.query({ query, format: 'JSONEachRow', ...(query_params ? { query_params } : {}) })).json<T>();
}

async function table(columns: string, engineClause = 'MergeTree ORDER BY tuple()'): Promise<string> {
  const name = `t_${Math.random().toString(36).slice(2)}`;
  await client.command({ query: `CREATE TABLE ${name} (${columns}) ENGINE = ${engineClause}` });
  return name;
}

describe('answers', () => {
  test('both kinds of ping', async () => {
    expect(await client.ping()).toEqual({ success: true });
    expect(await client.ping({ select: true })).toEqual({ success: true });
  });

  test('the database of the client', async () => {
    expect(await rows('SELECT currentDatabase() AS name')).toEqual([{ name: 'shop' }]);
    expect(await rows('SELECT currentDatabase() AS name', undefined, connect(engine.url))).toEqual([{ name: 'default' }]);
  });

  test('a result of 300,000 rows as a stream', async () => {
    const result = await client.query({ query: 'SELECT number FROM numbers(300000)', format: 'JSONEachRow' });
    let count = 0;
    for await (const batch of result.stream()) count += batch.length;
    expect(count).toBe(300_000);
  });

  test.each([true, false])('gzip both ways: %s', async (gzip) => {
    const compressing = connect(engine.url, { database: 'shop', compression: { request: gzip, response: gzip } });
    const name = await table('id UInt32, note String');
    await compressing.insert({ table: name, values: [{ id: 1, note: 'é'.repeat(5_000) }], format: 'JSONEachRow' });
    expect(await rows(`SELECT id, length(note) AS bytes FROM ${name}`, undefined, compressing)).toEqual([{ id: 1, bytes: 10_000 }]);
  });

  test('a browser is turned away', async () => {
    const answer = await fetch(engine.url, { method: 'POST', body: 'SELECT 1', headers: { Origin: 'https://example.com' } });
    expect(answer.status).toBe(403);
  });
});

describe('inserts', () => {
  test('an array, a stream of objects, and nothing', async () => {
    const name = await table('id UInt32');
    await client.insert({ table: name, values: [{ id: 1 }, { id: 2 }], format: 'JSONEachRow' });
    await client.insert({ table: name, values: Readable.from([{ id: 3 }, { id: 4 }]), format: 'JSONEachRow' });
    await client.insert({ table: name, values: Readable.from([]), format: 'JSONEachRow' });
    expect(await rows(`SELECT id FROM ${name} ORDER BY id`)).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }]);
  });

  test('raw NDJSON, with the number of rows in the summary', async () => {
    const name = await table('id UInt32, note String');
    const bytes = Buffer.from('{"id":1,"note":"semi; colon"}\n{"id":2,"note":"line\\nbreak"}\n');
    const { summary } = await client.exec({
      query: `INSERT INTO ${name} FORMAT JSONEachRow`,
      values: Readable.from([bytes], { objectMode: false }),
    });
    expect(summary).toMatchObject({ written_rows: '2' });
    expect(await rows(`SELECT note FROM ${name} ORDER BY id`)).toEqual([{ note: 'semi; colon' }, { note: 'line\nbreak' }]);
  });

  test('rows written inside the SQL, and a column list', async () => {
    const name = await table("id UInt32, note String DEFAULT 'none'");
    await client.command({ query: `INSERT INTO ${name} VALUES (1, 'a;b')` });
    await client.insert({ table: name, values: [[2]], columns: ['id'], format: 'JSONCompactEachRow' });
    expect(await rows(`SELECT id, note FROM ${name} ORDER BY id`)).toEqual([
      { id: 1, note: 'a;b' },
      { id: 2, note: 'none' },
    ]);
  });

  test('the same token twice is one insert', async () => {
    const name = await table('id UInt32', 'MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100');
    for (const insert_deduplication_token of ['a', 'a', 'b']) {
      await client.insert({ table: name, values: [{ id: 7 }], format: 'JSONEachRow', clickhouse_settings: { insert_deduplication_token } });
    }
    expect(await rows(`SELECT count() AS n FROM ${name}`)).toEqual([{ n: 2 }]);
  });
});

describe('parameters', () => {
  test.each(["it's", 'tab\tand\nnewline', 'back\\slash', '"quoted" `name`', 'Zoë 漢字 🎈', '{not:String}', "'; DROP TABLE x; --", ''])(
    'a text arrives as it is: %j',
    async (text) => {
      expect(await rows('SELECT {text:String} AS text', { text })).toEqual([{ text }]);
    },
  );

  test('lists, maps, numbers, null and identifiers', async () => {
    const query =
      'SELECT {list:Array(String)} AS list, {map:Map(String, String)} AS map, toString({big:UInt64}) AS big, {none:Nullable(String)} AS none, {column:Identifier} AS name FROM numbers(1)';
    expect(
      await rows(query, { list: ["a'b", 'c\td'], map: { k: "v'" }, big: '18446744073709551615', none: null, column: 'number' }),
    ).toEqual([{ list: ["a'b", 'c\td'], map: { k: "v'" }, big: '18446744073709551615', none: null, name: 0 }]);
  });

  test('one that an earlier request gave is not there for the next', async () => {
    for (let i = 0; i < 8; i += 1) await rows('SELECT {leak:String} AS x', { leak: 'secret' });
    const asking = Array.from({ length: 8 }, () => rows('SELECT {leak:String} AS x').catch((error: unknown) => error));
    for (const answer of await Promise.all(asking)) expect(answer).toMatchObject({ code: '456', type: 'UNKNOWN_QUERY_PARAMETER' });
  });

  test('fifty requests at once each see their own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => rows<{ v: string }>('SELECT {v:String} AS v, sleep(0.005)', { v: `value ${i}` })),
    );
    expect(answers.map(([row]) => row?.v)).toEqual(Array.from({ length: 50 }, (_, i) => `value ${i}`));
  });
});

describe('settings', () => {
  test('hold for their request only', async () => {
    const threads = "SELECT getSetting('max_threads') AS threads";
    const before = await rows(threads);
    const set = await (await client.query({ query: threads, format: 'JSONEachRow', clickhouse_settings: { max_threads: 1 } })).json();
    expect(set).toEqual([{ threads: 1 }]);
    for (const after of await Promise.all(Array.from({ length: 8 }, () => rows(threads)))) expect(after).toEqual(before);
  });

  test('an unknown one is refused, and the connection stays usable', async () => {
    const asking = Array.from({ length: 8 }, () =>
      client
        .query({ query: 'SELECT 1', clickhouse_settings: { no_such_setting: 1 } as ClickHouseSettings })
        .catch((error: unknown) => error),
    );
    for (const answer of await Promise.all(asking)) expect(answer).toMatchObject({ code: '115' });
    for (const answer of await Promise.all(Array.from({ length: 8 }, () => rows('SELECT 1 AS one')))) expect(answer).toEqual([{ one: 1 }]);
  });

  test('memory and results are bounded where a request says nothing', async () => {
    const [bounds] = await rows<{ memory: number; result: number; mode: string }>(
      "SELECT getSetting('max_memory_usage') AS memory, getSetting('max_result_bytes') AS result, getSetting('result_overflow_mode') AS mode",
    );
    expect(bounds?.memory).toBeGreaterThan(0);
    expect(bounds?.result).toBe(512 * 1024 * 1024);
    expect(bounds?.mode).toBe('throw');
  });

  test('decimals keep their digits', async () => {
    const result = await client.query({
      query: "SELECT toDecimal128('1.123456789012345678', 18) AS d",
      format: 'JSONEachRow',
      clickhouse_settings: { output_format_json_quote_decimals: 1 },
    });
    expect(await result.json()).toEqual([{ d: '1.123456789012345678' }]);
  });
});

describe('errors', () => {
  test.each([
    ['SELECT * FROM no_such_table', '60', 'UNKNOWN_TABLE'],
    ['SELEC 1', '62', 'SYNTAX_ERROR'],
    ['SELECT 1; SELECT 2', '62', 'SYNTAX_ERROR'],
    ['SELECT throwIf(1)', '395', 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO'],
    ['SELECT * FROM numbers(100000000) ORDER BY sipHash64(number) SETTINGS max_memory_usage = 1000000', '241', 'MEMORY_LIMIT_EXCEEDED'],
    ['SELECT repeat(toString(number), 1000) FROM numbers(10000) SETTINGS max_result_bytes = 100000', '396', 'TOO_MANY_ROWS_OR_BYTES'],
  ])('%s is error %s', async (query, code, type) => {
    const error = await client.query({ query, format: 'JSONEachRow' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ClickHouseError);
    expect(error).toMatchObject({ code, type });
  });

  test('an unknown database', async () => {
    await expect(rows('SELECT 1', undefined, connect(engine.url, { database: 'nowhere' }))).rejects.toMatchObject({
      code: '81',
      type: 'UNKNOWN_DATABASE',
    });
  });

  test('bad rows', async () => {
    const name = await table('id UInt32');
    await expect(client.insert({ table: name, values: [{ id: 'x' }], format: 'JSONEachRow' })).rejects.toBeInstanceOf(ClickHouseError);
    expect(await rows(`SELECT count() AS n FROM ${name}`)).toEqual([{ n: 0 }]);
  });
});

describe('the process', () => {
  test('a closing semicolon and comments do not make a second statement', async () => {
    expect(await rows('SELECT 1 AS a -- ; one\n')).toEqual([{ a: 1 }]);
    await client.command({ query: 'SELECT 1; -- done' });
  });

  test('acknowledged rows are there after kill -9', async () => {
    const own = await mkdtemp(join(tmpdir(), 'flexprice-clickhouse-'));
    try {
      let running = await startClickHouse({ dataDir: own });
      await connect(running.url).command({ query: 'CREATE TABLE kept (id UInt32) ENGINE = MergeTree ORDER BY id' });
      for (let id = 0; id < 5; id += 1) await connect(running.url).insert({ table: 'kept', values: [{ id }], format: 'JSONEachRow' });
      process.kill(running.pid, 'SIGKILL');
      expect(await running.exited).toBe(137);
      running = await startClickHouse({ dataDir: own });
      expect(await rows('SELECT count() AS n FROM kept', undefined, connect(running.url))).toEqual([{ n: 5 }]);
      await running.stop();
      expect(await running.exited).toBe(0);
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  });

  test('a second one on the same directory says why it cannot start', async () => {
    await expect(startClickHouse({ dataDir: folder, logFile: join(folder, 'second.log') })).rejects.toThrow(
      /ended with code 1 before it was ready/,
    );
  });
});
