import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { handler } from './handler.ts';

let server: Server | undefined;
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

interface Asked {
  readonly path: string;
  readonly key: string | undefined;
  readonly body: Record<string, unknown>;
}

/** An API that accepts events and whose usage answers one of `values` after the other. */
async function startApi(values: readonly number[], ingestStatus = 202): Promise<Asked[]> {
  const asked: Asked[] = [];
  const answers = [...values];
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    asked.push({
      path: request.url ?? '',
      key: request.headers['x-api-key'] as string | undefined,
      body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
    });
    const isEvent = request.url === '/v1/events';
    response.writeHead(isEvent ? ingestStatus : 200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(isEvent ? { message: 'said the API' } : { results: [], value: answers.length > 1 ? answers.shift() : answers[0] }),
    );
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('FLEXPRICE_CANARY_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  vi.stubEnv('FLEXPRICE_CANARY_API_KEY', 'sk_canary');
  vi.stubEnv('FLEXPRICE_CANARY_DEADLINE_SECONDS', '1.5');
  vi.stubEnv('FLEXPRICE_DEPLOYMENT_ENVIRONMENT', 'test');
  return asked;
}

test('asks for the very event that it sent, with its key, and writes the latency as a metric', async () => {
  const lines: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => lines.push(String(chunk)) > 0);
  const asked = await startApi([1]);
  const { seconds } = await handler();
  expect(seconds).toBeGreaterThanOrEqual(0);
  expect(asked.map(({ path, key }) => [path, key])).toEqual([
    ['/v1/events', 'sk_canary'],
    ['/v1/events/usage', 'sk_canary'],
  ]);
  const [event = {}, question] = asked.map(({ body }) => body);
  expect(question).toMatchObject({
    event_name: event.event_name,
    external_customer_id: event.external_customer_id,
    filters: { run: [(event.properties as { run: string }).run] },
  });
  expect(lines.map((line) => JSON.parse(line) as Record<string, unknown>)).toEqual([
    expect.objectContaining({ service: 'canary', environment: 'test', CanaryLatencySeconds: seconds }),
  ]);
});

test('fails when usage does not show the event in time', async () => {
  const asked = await startApi([0]);
  await expect(handler()).rejects.toThrow(/accepted, but .* usage does not show it/);
  expect(asked.filter(({ path }) => path === '/v1/events/usage').length).toBeGreaterThan(1);
});

test('fails when the event counts twice', async () => {
  await startApi([0, 2]);
  await expect(handler()).rejects.toThrow('counts 2 times');
});

test('fails with what the API said when it refuses the event', async () => {
  await startApi([1], 503);
  await expect(handler()).rejects.toThrow(/POST \/v1\/events: 503 .*said the API/);
});

test('says what is missing of its settings', async () => {
  vi.stubEnv('FLEXPRICE_DEPLOYMENT_ENVIRONMENT', 'test');
  await expect(handler()).rejects.toThrow('FLEXPRICE_CANARY_URL');
});
