import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { type Gateway, type GatewayOptions, startGateway } from '#local/gateway.ts';
import { isKnownSender } from '#local/known-sender.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { ensureTopics, validEvent } from '../support/events.ts';

// Bodies on their way: who is read, how much of it, and for how long.

const MIB = 1024 ** 2;
let api: TestApi;
const opened: { gateway: Gateway; sockets: Socket[] }[] = [];
/** Lengths of the bodies that reached a handler. */
const reached: number[] = [];

beforeAll(async () => {
  api = await startTestApi();
  await ensureTopics(api.app);
});
afterAll(async () => {
  for (const { gateway, sockets } of opened) {
    for (const socket of sockets) socket.destroy();
    await gateway.close();
  }
  await api.close();
});

/** A gateway of its own with these limits. */
async function open(options: Partial<GatewayOptions> = {}) {
  const [ingest, management] = [createIngestHandler(api.app), createManagementHandler(api.app)];
  const seen =
    (handler: typeof ingest): typeof ingest =>
    (event, context) => {
      reached.push(event.body?.length ?? 0);
      return handler(event, context);
    };
  const gateway = await startGateway(
    {
      ingest: seen(ingest),
      management: seen(management),
      isKnown: (headers) => isKnownSender(api.app.admit, api.config.auth, headers),
    },
    { host: '127.0.0.1', port: 0, ...options },
  );
  const sockets: Socket[] = [];
  opened.push({ gateway, sockets });
  return {
    post: (path: string, body: string | Buffer<ArrayBuffer>, headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${gateway.port}${path}`, { method: 'POST', body, headers: { 'x-api-key': api.key, ...headers } }),
    /** Sends the head of a request and so much of its body; what the server has said is in `text`. */
    async begin(length: number, sent: number, key?: string) {
      const accepted = once(gateway.server, 'connection') as Promise<[Socket]>;
      const socket = connect(gateway.port, '127.0.0.1');
      sockets.push(socket);
      const said = { text: '' };
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        said.text += data.toString();
      });
      await once(socket, 'connect');
      const head = `POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n${key === undefined ? '' : `x-api-key: ${key}\r\n`}\r\n`;
      socket.write(head);
      if (sent > 0) socket.write(Buffer.alloc(sent, ' '));
      const [peer] = await accepted;
      await expect.poll(() => peer.bytesRead).toBe(head.length + sent);
      return { socket, said, closed: once(socket, 'close') };
    },
  };
}

test.each([
  ['without a key', undefined],
  ['with a key that nobody has', 'sk_invented'],
])('somebody %s is refused before his large body is read, and none of it reaches a handler', async (_name, key) => {
  const { begin } = await open();
  reached.length = 0;
  for (let sender = 0; sender < 30; sender += 1) {
    const { said } = await begin(20 * MIB, 2 * MIB, key);
    await expect.poll(() => said.text, { timeout: 10_000 }).toMatch(/^HTTP\/1\.1 401 /);
  }
  expect(reached).toEqual(Array.from({ length: 30 }, () => 0));
});

test('an operation without a key takes a small body of anybody, and a large one of nobody', async () => {
  const { post } = await open();
  expect((await post('/health', Buffer.alloc(MIB, ' '), { 'x-api-key': '' })).status).toBe(200);
  const large = await post('/health', Buffer.alloc(2 * MIB, ' '), { 'x-api-key': '' });
  expect([large.status, await large.json()]).toMatchObject([400, { message: expect.stringContaining('without a key') }]);
});

test('a publishable key is a key: it may send many events at once', async () => {
  const { post } = await open();
  const made = await api.request('POST', '/v1/secrets/api/keys', { name: 'browser', type: 'publishable_key' });
  const events = Array.from({ length: 100 }, () => validEvent({ properties: { text: 'x'.repeat(20_000) } }));
  expect((await post('/v1/events/bulk', JSON.stringify({ events }), { 'x-api-key': made.body.api_key })).status).toBe(202);
});

test('a body that is announced to be too large is refused before it is sent', async () => {
  const { begin } = await open();
  const { said } = await begin(33 * MIB, 0, api.key);
  await expect.poll(() => said.text).toMatch(/^HTTP\/1\.1 400 [\s\S]*request body too large/);
});

test('the connection of a refused body stays in use', async () => {
  const { begin } = await open();
  const { socket, said } = await begin(2 * MIB, 2 * MIB);
  await expect.poll(() => said.text).toMatch(/^HTTP\/1\.1 401 /);
  const body = JSON.stringify(validEvent());
  socket.write(`POST /v1/events HTTP/1.1\r\nHost: x\r\nx-api-key: ${api.key}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  await expect.poll(() => said.text).toMatch(/HTTP\/1\.1 202 /);
});

test('while bodies under way fill the memory others are told to try again, and afterwards it is free', async () => {
  const { begin, post } = await open({ bodyBytes: 8 * MIB });
  const holders = [await begin(30 * MIB, 3 * MIB, api.key), await begin(30 * MIB, 3 * MIB, api.key)];
  const padded = `${JSON.stringify(validEvent())}${' '.repeat(3 * MIB)}`;
  const refused = await post('/v1/events', padded);
  expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
    503,
    '1',
    { code: 'service_unavailable', message: expect.stringContaining('try again') },
  ]);
  expect((await post('/v1/events', JSON.stringify(validEvent()))).status).toBe(202);
  for (const { socket } of holders) socket.destroy();
  await expect.poll(async () => (await post('/v1/events', padded)).status).toBe(202);
});

test('a request that does not end in time is closed', async () => {
  const { begin } = await open({ requestMs: 300 });
  const { closed, said } = await begin(1_000, 10, api.key);
  await closed;
  expect(said.text).toMatch(/^HTTP\/1\.1 408 /);
});

test.each([
  ['packed', gzipSync('{}'), { 'content-encoding': 'gzip' }, 415, 'Content-Encoding: gzip is not taken, send the body as it is'],
  ['packed and not said to be', gzipSync('{}'), {}, 400, 'body: is not UTF-8'],
  ['in Latin-1', Buffer.from('{"name":"caf\xe9"}', 'latin1'), {}, 400, 'body: is not UTF-8'],
  ['in UTF-16', Buffer.from('\ufeff{}', 'utf16le'), {}, 400, 'body: is not UTF-8'],
  ['behind a byte order mark', Buffer.from('\ufeff{}'), {}, 400, 'body: begins with a byte order mark, send it without one'],
])('a body that is %s is refused with the reason', async (_name, body, headers, status, message) => {
  const { post } = await open();
  for (const path of ['/v1/events', '/v1/customers']) {
    const answer = await post(path, body, headers as Record<string, string>);
    expect([answer.status, await answer.json()]).toMatchObject([status, { message }]);
    expect((await post(path, body, { ...(headers as object), 'x-api-key': '' })).status).toBe(401);
  }
});

test('bodies that come through API Gateway are judged alike', async () => {
  const management = createManagementHandler(api.app);
  const event = (body: string) =>
    ({
      version: '2.0',
      rawPath: '/v1/customers',
      rawQueryString: '',
      headers: { 'x-api-key': api.key },
      body,
      isBase64Encoded: true,
      requestContext: { stage: '$default', http: { method: 'POST', path: '/v1/customers' } },
    }) as never;
  const sent = async (body: Buffer) => JSON.parse((await management(event(body.toString('base64')))).body) as Record<string, unknown>;
  expect(await sent(gzipSync('{}'))).toMatchObject({ message: 'body: is not UTF-8' });
  expect(await sent(Buffer.from('{"external_id":"é","name":"é"}'))).toMatchObject({ external_id: 'é' });
});
