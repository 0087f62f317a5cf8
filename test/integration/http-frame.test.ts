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

describe('what is not text', () => {
  const refused = async (path: string, body: Buffer | string, method = 'POST'): Promise<unknown> => {
    const answer = await call(path, { method, body, headers: { 'content-type': 'application/json' } });
    const { code, details } = (await answer.json()) as { code: string; details: { field: string; reason: string } };
    return [answer.status, code, details.field, details.reason];
  };
  const event = (more: string): string => `{"event_name":"call","external_customer_id":"c1"${more}}`;

  test.each(['/v1/events', '/v1/events/bulk', '/v1/customers', '/v1/events/usage'])('is refused in a body of %s', async (path) => {
    for (const bytes of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80]]) {
      const body = Buffer.concat([Buffer.from('{"name":"'), Buffer.from(bytes), Buffer.from('"}')]);
      expect(await refused(path, body)).toEqual([400, 'validation_error', 'body', 'is not UTF-8']);
    }
  });

  test.each([
    ['/v1/events', event(',"event_id":"a\\ud800"'), 'event_id'],
    ['/v1/events', event(',"properties":{"\\udc00":1}'), 'properties'],
    ['/v1/events', event(',"properties":{"a":[1,{"b":"\\uD83D\\u0041"}]}'), 'properties.a[1].b'],
    ['/v1/events/bulk', `{"events":[${event('')},${event(',"source":"\\ude00\\ud83d"')}]}`, 'events[1].source'],
    ['/v1/customers', '{"external_id":"\\udfff","name":"n"}', 'external_id'],
    ['/v1/customers', '"\\ud800"', 'body'],
  ])('half a character is refused in %s %s', async (path, body, field) => {
    expect(await refused(path, body)).toEqual([400, 'validation_error', field, expect.stringContaining('half of a character')]);
  });

  test('whole characters are taken however they are written', async () => {
    for (const name of ['\\ud83d\\ude00', '😀', '\\\\ud800', 'ключ']) {
      const answer = await call('/v1/events', { method: 'POST', body: event(`,"properties":{"name":"${name}"}`) });
      expect([name, answer.status]).toEqual([name, 202]);
    }
  });

  test('is refused in a path and in a query, by the name of its part', async () => {
    const fieldOf = async (path: string): Promise<unknown> => {
      const answer = await call(path);
      return [answer.status, ((await answer.json()) as { details: { field: string } }).details.field];
    };
    expect(await fieldOf('/v1/customers/%ff')).toEqual([400, 'id']);
    expect(await fieldOf('/v1/plans/%00')).toEqual([400, 'id']);
    expect(await fieldOf('/v1/events/lookup?id=%ED%A0%80')).toEqual([400, 'id']);
    expect(await fieldOf('/v1/events?source=a&event_name=%C3%28')).toEqual([400, 'event_name']);
  });
});

describe('every answer', () => {
  test.each([
    ['GET', '/v1/customers', 200],
    ['GET', '/v1/customers/cust_none', 404],
    ['GET', '/v1/nothing', 404],
    ['GET', '/', 404],
    ['PATCH', '/v1/customers', 404],
    ['HEAD', '/v1/customers', 200],
    ['HEAD', '/v1/customers/cust_none', 404],
    ['HEAD', '/health', 200],
    ['HEAD', '/v1/events/bulk', 404],
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
    ['GET', '/v1/customers?%ff=%E0%A4%A', 400],
    ['GET', '/v1/customers/%ff', 400],
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
    for (const id of ['a/b', '50%', '50%25', 'ä ö', 'a+b', '...', 'x?y#z']) {
      await call('/v1/customers', { method: 'POST', body: JSON.stringify({ external_id: id, name: id }) });
      const found = await raw(`/v1/customers/external/${encodeURIComponent(id)}`);
      expect([id, found.status, JSON.parse(found.body).external_id]).toEqual([id, 200, id]);
    }
  });

  test.each(['/health', '/v1/customers', '/v1/customers/cust_none', '/v1/nothing'])(
    'HEAD %s has what GET has, without its body',
    async (path) => {
      const [get, head] = await Promise.all(['GET', 'HEAD'].map((method) => call(path, { method, headers: { 'x-request-id': 'one' } })));
      const fields = (answer: Response | undefined) =>
        Object.fromEntries(
          [...(answer?.headers ?? [])].filter(([name]) => !['connection', 'content-length', 'date', 'keep-alive'].includes(name)),
        );
      expect([head?.status, fields(head), await head?.text()]).toEqual([get?.status, fields(get), '']);
    },
  );

  test.each([
    ['/v1/customers/%00', 'id'],
    ['/v1/customers/external/a%00b', 'external_id'],
    ['/v1/customers?external_id=%00', 'external_id'],
  ])('a parameter that cannot be stored is named: %s', async (path, field) => {
    const answer = await call(path);
    expect([answer.status, await answer.json()]).toMatchObject([400, { message: `${field}: must not contain NUL`, details: { field } }]);
  });

  test.each([
    [{ external_id: 'x\u0000', name: 'x' }, 'external_id'],
    [{ external_id: 'y', name: 'x', metadata: { note: 'a\u0000' } }, 'metadata.note'],
    [{ external_id: 'z', name: 'x', metadata: { 'a\u0000': 'b' } }, 'metadata.a\u0000'],
  ])('and so is a field of a body: %j', async (body, field) => {
    const answer = await call('/v1/customers', { method: 'POST', body: JSON.stringify(body) });
    expect([answer.status, await answer.json()]).toMatchObject([400, { details: { field } }]);
  });

  test('no content type is asked for, and any is ignored', async () => {
    for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-16']) {
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
      const answer = await call('/v1/events', { method: 'POST', body: Buffer.from(JSON.stringify(validEvent())), headers });
      expect([type, answer.status]).toEqual([type, 202]);
    }
  });
});

describe('the published TypeScript client', () => {
  const agent = { 'user-agent': 'speakeasy-sdk/typescript 2.0.1 2.845.12 1.0 @flexprice/sdk' };
  type Body = Readonly<Record<string, unknown>>;
  /** What everybody is answered, and what the client is. */
  const bodies = async (path: string, init: RequestInit = {}): Promise<[plain: Body, completed: Body]> => {
    const plain = await call(path, init);
    const completed = await call(path, { ...init, headers: { ...agent, ...init.headers } });
    return [(await plain.json()) as Body, (await completed.json()) as Body];
  };

  test('gets nulls where everybody else gets no field, and is told the same', async () => {
    const made = await call('/v1/customers', { method: 'POST', body: JSON.stringify({ external_id: 'nulls', name: 'Nulls' }) });
    const { id } = (await made.json()) as { id: string };
    const [plain, completed] = await bodies(`/v1/customers/${id}`);
    expect(plain).not.toHaveProperty('email');
    expect(Object.values(plain)).not.toContain(null);
    expect(completed).toMatchObject({ ...plain, email: null, address_city: null });
    const [plainError, completedError] = await bodies('/v1/customers/cust_none');
    expect(completedError).toEqual({ ...plainError, error: null, success: null });
  });

  test('repeats a request under its key as anybody may', async () => {
    const init = {
      method: 'POST',
      body: JSON.stringify({ external_id: 'repeated', name: 'R' }),
      headers: { 'idempotency-key': 'nulls-1' },
    };
    const first = (await (await call('/v1/customers', { ...init, headers: { ...agent, ...init.headers } })).json()) as { id: string };
    const [plain, completed] = await bodies('/v1/customers', init);
    expect([plain.id, completed.id]).toEqual([first.id, first.id]);
    expect(plain).not.toHaveProperty('email');
    expect(completed).toMatchObject({ email: null });
  });

  test('has no body where there is none', async () => {
    const made = await call('/v1/customers', { method: 'POST', body: JSON.stringify({ external_id: 'gone', name: 'Gone' }) });
    const { id } = (await made.json()) as { id: string };
    const gone = await call(`/v1/customers/${id}`, { method: 'DELETE', headers: agent });
    expect([gone.status, await gone.text()]).toEqual([204, '']);
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
