import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { type Gateway, startGateway } from '#local/gateway.ts';
import { freePort } from '#local/ports.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import type { GatewayEvent, GatewayResult } from '#platform/http/request.ts';
import { type RunningConsumer, startConsumer } from '#workers/consumer/run.ts';
import { parseImportArguments } from '../../scripts/import/arguments.ts';
import { runImport } from '../../scripts/import/run.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { ensureTopics } from '../support/events.ts';

const KNOCK = '{"events":[]}';
const root = join(import.meta.dirname, '../..');
const WAIT = { timeout: 40_000, interval: 100 };
const folder = mkdtempSync(join(tmpdir(), 'flexprice-import-'));
let api: TestApi;
let gateway: Gateway;
let consumer: RunningConsumer;
let url: string;
/** What stands between the importer and the API; null lets the request pass. */
let weather: (request: number) => Promise<GatewayResult | null>;
let requests = 0;

beforeAll(async () => {
  api = await startTestApi({ clickhouse: true, env: { FLEXPRICE_CONSUMER_MAX_WAIT_MS: '50', FLEXPRICE_CONSUMER_MIN_BYTES: '1' } });
  await ensureTopics(api.app);
  const ingest = createIngestHandler(api.app);
  // The question whether the API is there and takes the key comes before every import, and is none of its requests.
  const weathered = async (event: GatewayEvent) => (event.body === KNOCK ? ingest(event) : ((await weather(requests++)) ?? ingest(event)));
  gateway = await startGateway({ ingest: weathered, management: createManagementHandler(api.app) }, { host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${gateway.port}/v1`;
  consumer = await startConsumer({ app: api.app, logger: silentLogger });
});
afterAll(async () => {
  await consumer.stop();
  await gateway.close();
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});
const fine = () => {
  weather = async () => null;
  requests = 0;
};
fine();
afterEach(fine);

const answer = (statusCode: number, headers: Record<string, string> = {}): GatewayResult => ({
  statusCode,
  headers,
  body: '{"code":"x","message":"not now","http_status_code":1}',
});
const at = (index: number): string => new Date(Date.UTC(2026, 1, 1) + index * 1000).toISOString();
const line = (customer: string, index: number, more: object = {}): string =>
  JSON.stringify({ event_name: 'imported', external_customer_id: customer, timestamp: at(index), properties: { v: index }, ...more });

function fileOf(name: string, lines: readonly string[]): string {
  const file = join(folder, name);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

async function importHere(
  file: string,
  ...args: string[]
): Promise<{ said: string; accepted: number; rejected: number; finished: boolean }> {
  const said: string[] = [];
  const none = (): string => {
    throw new Error('all is given');
  };
  const options = parseImportArguments([file, '--url', url, '--key', api.key, ...args], { url: none, key: none });
  if (options === null) throw new Error('that asks for help');
  const result = await runImport(options, { say: (text) => void said.push(text) });
  return { ...result, said: said.join('\n') };
}

async function stored(customer: string): Promise<{ count: number; sum: number }> {
  const ask = async (aggregation: object): Promise<number> =>
    (
      await api.request('POST', '/v1/events/usage', {
        event_name: 'imported',
        external_customer_id: customer,
        start_time: '2026-01-01T00:00:00Z',
        end_time: '2026-12-01T00:00:00Z',
        ...aggregation,
      })
    ).body.value ?? 0;
  return { count: await ask({ aggregation_type: 'COUNT' }), sum: await ask({ aggregation_type: 'SUM', property_name: 'v' }) };
}
const sumTo = (count: number): number => (count * (count - 1)) / 2;
const jsonOf = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
const rejectsOf = (file: string) =>
  readFileSync(`${file}.rejects.ndjson`, 'utf8')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as { line: number; reason: string; content: string });

test('a file of NDJSON becomes its events, each once, however often it is imported', async () => {
  const file = fileOf(
    'plain.ndjson',
    Array.from({ length: 250 }, (_, index) => line('plain', index)),
  );
  expect(await importHere(file, '--batch', '40')).toMatchObject({
    accepted: 250,
    rejected: 0,
    finished: true,
    said: expect.stringContaining('Imported 250 lines'),
  });
  await expect.poll(() => stored('plain'), WAIT).toEqual({ count: 250, sum: sumTo(250) });
  expect(existsSync(`${file}.rejects.ndjson`)).toBe(false);
  const sent = requests;
  expect((await importHere(file)).said).toContain('was imported before');
  expect(requests).toBe(sent);
  // From the front, and then what was added to the file.
  rmSync(`${file}.import-state.json`);
  await importHere(file);
  appendFileSync(file, `${line('plain', 250)}\n`);
  expect((await importHere(file)).said).toContain('Going on behind line 250');
  await expect.poll(() => stored('plain'), WAIT).toEqual({ count: 251, sum: sumTo(251) });
});

test('columns of a CSV are mapped, the others are properties', async () => {
  const file = fileOf('mapped.csv', [
    'when,who,v,"model name"',
    ...Array.from({ length: 30 }, (_, index) => `${at(index)},mapped,${index},"m, ${index % 2}"`),
  ]);
  expect(
    await importHere(
      file,
      '--map',
      'when=timestamp',
      '--map',
      'who=external_customer_id',
      '--set',
      'event_name=imported',
      '--set',
      'source=csv',
      '--batch',
      '7',
    ),
  ).toMatchObject({ accepted: 30, rejected: 0 });
  await expect.poll(() => stored('mapped'), WAIT).toEqual({ count: 30, sum: sumTo(30) });
  const { body } = await api.request('GET', '/v1/events?external_customer_id=mapped&order=asc&page_size=1&start_time=2026-01-01T00:00:00Z');
  expect(body.events[0]).toMatchObject({ source: 'csv', properties: { v: '0', 'model name': 'm, 0' } });
});

test('refused lines are listed with their numbers and reasons, all others are accepted', async () => {
  const bad: Readonly<Record<number, string>> = {
    3: '{"event_name":',
    7: line('refused', 7, { timestamp: 'yesterday' }),
    8: line('refused', 8, { event_name: '', properties: [] }),
    19: '[]',
    25: line('refused', 25, { properties: { text: 'x'.repeat(70_000) } }),
  };
  const file = fileOf(
    'refused.ndjson',
    Array.from({ length: 30 }, (_, index) => bad[index] ?? line('refused', index)),
  );
  expect(await importHere(file, '--batch', '10', '--concurrency', '3')).toMatchObject({
    accepted: 25,
    rejected: 5,
    said: expect.stringContaining('rejects.ndjson'),
  });
  expect(rejectsOf(file).map(({ line: number, reason }) => [number, reason])).toEqual([
    [4, expect.stringContaining('is not valid JSON')],
    [8, expect.stringMatching(/^timestamp: .*RFC 3339/)],
    [9, expect.stringMatching(/^event_name: .*; properties: must be an object/)],
    [20, 'line: must be a JSON object'],
    [26, expect.stringContaining('properties: must not be larger')],
  ]);
  expect(rejectsOf(file)[1]?.content).toBe(bad[7]);
  await expect.poll(async () => (await stored('refused')).count, WAIT).toBe(25);
});

test('an API that is full or away is asked again, and waited for as it says', async () => {
  const file = fileOf(
    'away.ndjson',
    Array.from({ length: 40 }, (_, index) => line('away', index)),
  );
  weather = async (request) =>
    request === 0 ? answer(429, { 'Retry-After': '1' }) : request < 3 ? answer(503, { 'Retry-After': '0' }) : null;
  const started = performance.now();
  expect(await importHere(file, '--batch', '20', '--concurrency', '1')).toMatchObject({ accepted: 40 });
  expect(performance.now() - started).toBeGreaterThan(1000);
  await expect.poll(() => stored('away'), WAIT).toEqual({ count: 40, sum: sumTo(40) });
});

test('an answer that nothing can mend ends it with what was done so far noted', async () => {
  const file = fileOf(
    'locked.ndjson',
    Array.from({ length: 40 }, (_, index) => line('locked', index)),
  );
  weather = async (request) => (request < 2 ? null : answer(403));
  await expect(importHere(file, '--batch', '10', '--concurrency', '1')).rejects.toThrow('The API answered 403: not now');
  expect(jsonOf(`${file}.import-state.json`)).toMatchObject({ lines: 20, accepted: 20 });
  fine();
  expect((await importHere(file)).accepted).toBe(40);
  await expect.poll(() => stored('locked'), WAIT).toEqual({ count: 40, sum: sumTo(40) });
});

test('what a request refuses without naming an item is halved', async () => {
  const file = fileOf(
    'large.ndjson',
    Array.from({ length: 9 }, (_, index) => line('large', index)),
  );
  weather = async (request) => (request < 3 ? answer(413) : null);
  expect(await importHere(file, '--concurrency', '1')).toMatchObject({ accepted: 9, rejected: 0 });
  await expect.poll(() => stored('large'), WAIT).toEqual({ count: 9, sum: sumTo(9) });
});

test('a state of another file or another API is not taken', async () => {
  const file = fileOf('changed.ndjson', [line('changed', 0)]);
  await importHere(file);
  await expect(importHere(file, '--url', url.replace('127.0.0.1', 'localhost'))).rejects.toThrow('is of an import to');
  await expect(importHere(file, '--key', await api.keyWith(['super_admin']))).rejects.toThrow('is of an import with another key');
  writeFileSync(file, `${line('changed', 1)}\n`);
  await expect(importHere(file)).rejects.toThrow('is not the file any more');
});

const started = (file: string, ...args: string[]): ChildProcess =>
  spawn(process.execPath, [join(root, 'scripts/import.ts'), file, '--url', url, '--key', api.key, ...args], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', FLEXPRICE_CONFIG_FILE: 'no-such-file.yaml' },
  });

test('killed at any moment and started again, nothing is lost and nothing counts twice', async () => {
  const count = 400;
  const file = fileOf(
    'killed.ndjson',
    Array.from({ length: count }, (_, index) =>
      index % 50 === 7 ? '{bad' : line('killed', index, index % 2 === 0 ? {} : { event_id: `killed-${index}` }),
    ),
  );
  const good = Array.from({ length: count }, (_, index) => index).filter((index) => index % 50 !== 7);
  for (const passing of [5, 9]) {
    fine();
    const enough = Promise.withResolvers<void>();
    weather = async (request) => {
      if (request >= passing) enough.resolve();
      await new Promise((resolve) => setTimeout(resolve, 30));
      return null;
    };
    const child = started(file, '--batch', '10', '--concurrency', '3');
    await enough.promise;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  const { lines } = jsonOf(`${file}.import-state.json`);
  expect(lines).toBeGreaterThan(0);
  expect(lines).toBeLessThan(count);
  // Asked to stop, it ends with what it has in hand; and then it runs to the end.
  const stopping = started(file, '--batch', '10', '--concurrency', '1');
  const sent = requests;
  await expect.poll(() => requests, WAIT).toBeGreaterThan(sent);
  stopping.kill('SIGINT');
  expect((await once(stopping, 'exit'))[0]).toBe(130);
  fine();
  const last = started(file, '--batch', '10');
  expect((await once(last, 'exit'))[0]).toBe(1);
  expect(jsonOf(`${file}.import-state.json`)).toMatchObject({ lines: count, accepted: good.length, rejected: 8 });
  expect(rejectsOf(file).map((reject) => reject.line)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((index) => index * 50 + 8));
  await expect.poll(() => stored('killed'), WAIT).toEqual({ count: good.length, sum: good.reduce((sum, index) => sum + index, 0) });
}, 120_000);

const run = async (...args: string[]) => {
  const child = spawn(process.execPath, [join(root, 'scripts/import.ts'), ...args], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', FLEXPRICE_CONFIG_FILE: 'no-such-file.yaml', FLEXPRICE_LOCAL_DATA_DIR: 'no-such-folder' },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const [code] = await once(child, 'close');
  return { code, said };
};

test('bad usage exits with 2 and a clear line, help with 0, a wrong key with 1', async () => {
  expect(await run()).toMatchObject({ code: 2, said: expect.stringMatching(/^Say which file\.\n\nnpm run import/) });
  expect(await run('--help')).toMatchObject({ code: 0, said: expect.stringMatching(/^npm run import[\s\S]*Fields: event_name/) });
  const file = fileOf('key.ndjson', [line('key', 0)]);
  expect(await run(file)).toMatchObject({ code: 2, said: expect.stringContaining('There is no Local Mode running here') });
  const wrong = { code: 1, said: expect.stringMatching(/The API answered 401: .+ Is the key right\?/) };
  expect(await run(file, '--url', url, '--key', 'sk_wrong')).toMatchObject(wrong);
  // Also where nothing would be left to send.
  expect(await run(file, '--url', url, '--key', api.key)).toMatchObject({ code: 0, said: expect.stringContaining('1 event accepted') });
  expect(await run(file, '--url', url, '--key', 'sk_wrong')).toMatchObject(wrong);
  expect(await run(file, '--url', url.replace('/v1', ''), '--key', api.key)).toMatchObject({
    code: 1,
    said: expect.stringContaining('It ends in /v1'),
  });
});

test('where nobody listens, it says so at once and leaves nothing behind', async () => {
  const file = fileOf('nobody.ndjson', [line('nobody', 0)]);
  const nobody = `http://127.0.0.1:${await freePort()}/v1`;
  const started = performance.now();
  await expect(importHere(file, '--url', nobody)).rejects.toThrow(/^Nobody answers at http:.*ECONNREFUSED.*--url says where else/);
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(existsSync(`${file}.import-state.json`)).toBe(false);
});

test('an API that is lost on the way is named once, with the time of the next try, and that it is back', async () => {
  const file = fileOf(
    'lost.ndjson',
    Array.from({ length: 40 }, (_, index) => line('lost', index)),
  );
  weather = async (request) => (request >= 1 && request < 4 ? answer(503, { 'Retry-After': '1' }) : null);
  const { said, accepted } = await importHere(file, '--batch', '10', '--concurrency', '4');
  expect(accepted).toBe(40);
  expect(said.match(/does not take events: it answers 503\. Trying again in \d s\./g)).toHaveLength(1);
  expect(said.match(/It takes events again\./g)).toHaveLength(1);
});

test('blanks around the cells of a CSV do not change what is counted; numbers with separators are refused', async () => {
  const file = fileOf('blanks.csv', [
    'timestamp,event_id,event_name,external_customer_id, v',
    `${at(0)},blanks-1,imported,blanks, 7`,
    `${at(1)}, blanks-2 ,imported,blanks,5 `,
    `${at(2)},blanks-3, imported ," blanks"," 2"`,
    `${at(3)},blanks-4,imported,blanks,"1,000"`,
    `,blanks-5,imported,blanks,9`,
    `   ,blanks-6,imported,blanks,9`,
  ]);
  expect(await importHere(file)).toMatchObject({ accepted: 3, rejected: 3, said: expect.stringContaining('Imported 6 lines') as unknown });
  expect(rejectsOf(file).map(({ line: number, reason }) => [number, reason])).toEqual([
    [5, expect.stringMatching(/^properties\.v: "1,000" is no number to a meter/)],
    [6, expect.stringMatching(/^timestamp: is empty/)],
    [7, expect.stringMatching(/^timestamp: is empty/)],
  ]);
  await expect.poll(() => stored('blanks'), WAIT).toEqual({ count: 3, sum: 14 });
});

test('a repaired file that is imported from the front counts once, equal lines as often as they stand there', async () => {
  const columns = 'event_name,external_customer_id,timestamp,v';
  const good = [1, 1, 2].map((v) => `imported,repaired,${at(0)},${v}`);
  const file = fileOf('repaired.csv', [columns, 'imported,repaired,yesterday,9', ...good]);
  expect(await importHere(file)).toMatchObject({ accepted: 3, rejected: 1 });
  fileOf('repaired.csv', [columns, ...good, `imported,repaired,${at(0)},9`, good[0] as string]);
  rmSync(`${file}.import-state.json`);
  expect(await importHere(file)).toMatchObject({ accepted: 5, rejected: 0 });
  await expect.poll(() => stored('repaired'), WAIT).toEqual({ count: 5, sum: 1 + 1 + 2 + 9 + 1 });
});

test('columns that are named and not there, or two for one field, stop it before anything is sent', async () => {
  const file = fileOf('columns.csv', ['event_name,who,id', 'imported,columns,1']);
  await expect(importHere(file, '--map', 'customer=external_customer_id')).rejects.toThrow(
    'has no column "customer"; its columns are: event_name, who, id.',
  );
  await expect(importHere(file, '--text', 'number')).rejects.toThrow('has no column "number"');
  await expect(importHere(file, '--map', 'who=event_id', '--map', 'id=event_id')).rejects.toThrow('several columns for event_id');
  expect(requests).toBe(0);
});
