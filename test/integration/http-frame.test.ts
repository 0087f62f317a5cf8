import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { type Gateway, startGateway } from '#local/gateway.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { ensureTopics, validEvent } from '../support/events.ts';

// What stands around every operation, as seen on a socket (wire-rules.md sections 1 to 4).

let api: TestApi;
let gateway: Gateway;
let url: string;

beforeAll(async () => {
  // ClickHouse too: a path below /v1/events loads what reads from it.
  api = await startTestApi({ clickhouse: true });
  await ensureTopics(api.app);
  gateway = await open();
  url = `http://127.0.0.1:${gateway.port}`;
});
afterAll(async () => {
  await gateway.close();
  await api.close();
});

const open = () =>
  startGateway({ ingest: createIngestHandler(api.app), management: createManagementHandler(api.app) }, { host: '127.0.0.1', port: 0 });
const call = (path: string, init: RequestInit = {}) =>
  fetch(`${url}${path}`, { ...init, headers: { 'x-api-key': api.key, ...init.headers } });

describe('every answer', () => {
  test.each([
    ['GET', '/v1/customers', 200],
    ['GET', '/v1/customers/cust_none', 404],
    ['GET', '/v1/nothing', 404],
    ['GET', '/', 404],
    ['PATCH', '/v1/customers', 404],
    ['HEAD', '/v1/customers', 404],
    ['OPTIONS', '/v1/customers', 204],
    ['PUT', '/v1/events', 404],
    ['POST', '/v1/events/raw/nothing', 404],
    ['GET', '//v1/customers', 404],
    ['GET', '/v1//customers', 404],
    ['GET', '/v1/customersx', 404],
    ['GET', '/v1/customers/', 200],
    ['GET', '/v1/customers/__proto__', 404],
    ['GET', '/v1/customers/%', 404],
    ['GET', '/v1/customers/a%2Fb', 404],
    ['GET', '/v1/customers/%00', 400],
    ['GET', '/v1/customers?limit=5&limit=6', 400],
    ['GET', '/v1/customers?%ff=%E0%A4%A', 200],
    ['GET', `/v1/customers?expand=${'x'.repeat(8000)}`, 400],
    ['GET', `/v1/customers/${'x'.repeat(8000)}`, 404],
  ])('to %s %s is %i and carries the request id', async (method, path, status) => {
    const answer = await call(path, { method, headers: { 'x-request-id': 'frame-1' } });
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([status, 'frame-1']);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect((await call(path, { method })).headers.get('x-request-id')).toMatch(/./);
  });

  test.each([
    ['/v1/events', 'POST'],
    ['/v1/events/bulk', 'POST'],
    ['/v1/customers', 'PUT'],
    ['/v1/customers/x', 'DELETE'],
    ['/v1/customer/portal/info', 'PUT'],
  ])('a browser may call %s with %s from anywhere', async (path, method) => {
    const preflight = await fetch(`${url}${path}`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://shop.example',
        'access-control-request-method': method,
        'access-control-request-headers': 'x-api-key,content-type',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('*');
    expect(preflight.headers.get('access-control-allow-methods')).toContain(method);
    const refused = await fetch(`${url}${path}`, { method, headers: { origin: 'https://shop.example' } });
    expect([refused.status, refused.headers.get('access-control-allow-origin'), await refused.json()]).toEqual([
      401,
      '*',
      { error: 'Unauthorized' },
    ]);
  });

  test('an id with a slash or a percent sign in it is found', async () => {
    for (const id of ['a/b', '50%', '50%25', 'ä ö', 'a+b', '..', 'x?y#z']) {
      await call('/v1/customers', { method: 'POST', body: JSON.stringify({ external_id: id, name: id }) });
      const found = await raw(`/v1/customers/external/${encodeURIComponent(id)}`);
      expect([id, found.status, JSON.parse(found.body).external_id]).toEqual([id, 200, id]);
    }
  });

  test('no content type is asked for, and any is ignored', async () => {
    for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-16']) {
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
      const answer = await call('/v1/events', { method: 'POST', body: Buffer.from(JSON.stringify(validEvent())), headers });
      expect([type, answer.status]).toEqual([type, 202]);
    }
  });
});

/** Without the normalisation of paths that fetch does. */
function raw(path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    httpRequest({ port: gateway.port, host: '127.0.0.1', path, headers: { 'x-api-key': api.key } }, (response) => {
      let body = '';
      response
        .setEncoding('utf8')
        .on('data', (chunk) => {
          body += chunk;
        })
        .on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });
}

describe('roles and fields of a stored row', () => {
  test('a role that this release does not know grants nothing', async () => {
    const key = await api.keyWith(['role_of_tomorrow', 'event_reader']);
    const answer = await fetch(`${url}/v1/customers`, { method: 'POST', body: '{}', headers: { 'x-api-key': key } });
    expect([answer.status, await answer.json()]).toEqual([403, { message: 'insufficient permissions' }]);
    const inherited = await fetch(`${url}/v1/customers`, {
      method: 'POST',
      body: '{}',
      headers: { 'x-api-key': await api.keyWith(['constructor', 'toString']) },
    });
    expect(inherited.status).toBe(403);
  });

  test.each(['constructor', '__proto__', 'toString', 'name; drop table customers', 'tenant_id'])(
    '%s is no field to sort or filter by',
    async (field) => {
      const sorted = await call(`/v1/customers?sort=${encodeURIComponent(field)}`);
      expect([sorted.status, await sorted.json()]).toMatchObject([400, { details: { field: 'sort' } }]);
      const search = { filters: [{ field, operator: 'eq', data_type: 'string', value: { string: 'x' } }] };
      const filtered = await call('/v1/customers/search', { method: 'POST', body: JSON.stringify(search) });
      expect([filtered.status, await filtered.json()]).toMatchObject([400, { details: { field: 'filters[0].field' } }]);
    },
  );
});

describe('connections', () => {
  test('a client that goes away in the middle of its body harms nobody', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on('warning', listen);
    const socket = connect(gateway.port, '127.0.0.1');
    await new Promise<void>((resolve) => {
      socket.on('connect', resolve);
    });
    const closed = new Promise<void>((resolve) => gateway.server.once('request', (request) => request.once('close', resolve)));
    socket.write(`POST /v1/events HTTP/1.1\r\nHost: x\r\nx-api-key: ${api.key}\r\nContent-Length: 1000\r\n\r\n{"event_name"`, () =>
      socket.destroy(),
    );
    await closed;
    expect((await call('/v1/events', { method: 'POST', body: JSON.stringify(validEvent()) })).status).toBe(202);
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });

  test('closing answers the requests in hand and then closes their connections', async () => {
    const own = await open();
    const socket = connect(own.port, '127.0.0.1');
    const body = JSON.stringify(validEvent());
    const received = Promise.withResolvers<string>();
    let text = '';
    socket.on('data', (data) => {
      text += data.toString();
    });
    socket.on('close', () => received.resolve(text));
    const arrived = new Promise<void>((resolve) => own.server.once('request', () => resolve()));
    socket.write(
      `POST /v1/events HTTP/1.1\r\nHost: x\r\nx-api-key: ${api.key}\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
    );
    await arrived;
    const closed = own.close();
    socket.write(body.slice(10));
    expect(await received.promise).toMatch(/^HTTP\/1\.1 202 /);
    await closed;
  });
});
