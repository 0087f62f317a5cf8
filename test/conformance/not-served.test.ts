import { afterAll, expect, test } from 'vitest';
import { createApp } from '#app/create-app.ts';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { isIngest } from '#local/gateway.ts';
import { loadConfig } from '#platform/config/load.ts';
import { answerKey } from '#platform/http/published-client/complete.ts';
import { knownSurface } from '../../scripts/compatibility/surface.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import { toGatewayEvent } from '../support/api.ts';

// No engine is asked: the addresses are never used.
const app = createApp(
  loadConfig({
    env: { FLEXPRICE_CLICKHOUSE_URL: 'http://127.0.0.1:1', FLEXPRICE_POSTGRES_HOST: '127.0.0.1', FLEXPRICE_LOG_LEVEL: 'ERROR' },
    file: 'no-such-file.yaml',
  }),
);
afterAll(() => app.close());
const [management, ingest] = [createManagementHandler(app), createIngestHandler(app)];
const ask = async (method: string, path: string, headers: Record<string, string> = {}) => {
  const {
    statusCode,
    headers: answered,
    body,
  } = await (isIngest(method, path) ? ingest : management)(toGatewayEvent(method, path, undefined, headers));
  return { status: statusCode, type: answered['Content-Type'], id: answered['X-Request-ID'], body };
};
const concrete = (path: string): string => path.replace(/\{\w+\}/g, 'x1');

const served = new Set((await allRoutes()).map(({ method, path }) => answerKey(method, path)));
const [there, missing] = [true, false].map((is) =>
  knownSurface()
    .filter(({ method, path }) => served.has(answerKey(method, path)) === is)
    .map(({ method, path }) => [method, path] as const),
) as [[string, string][], [string, string][]];

test.each(missing)('%s %s is not part of this version, and says so', async (method, path) => {
  const answer = await ask(method, concrete(path), { 'x-request-id': 'missing-1' });
  expect(answer).toMatchObject({ status: 404, type: 'application/json', id: 'missing-1' });
  expect(JSON.parse(answer.body)).toMatchObject({
    code: 'not_found',
    message: `${method} ${path} is not part of this version`,
    http_status_code: 404,
    details: { operation: `${method} ${path}` },
  });
});

test('what is there is never said to be missing', async () => {
  const answers = await Promise.all(there.map(async ([method, path]) => [`${method} ${path}`, (await ask(method, concrete(path))).body]));
  expect(answers.filter(([, body]) => body?.includes('not part of this version'))).toEqual([]);
  expect(answers.length).toBeGreaterThan(50);
});

test.each([
  ['GET', '/v1/nothing'],
  ['GET', '/v1/wallets/a/b/c/d'],
  ['PATCH', '/v1/customers'],
  ['PUT', '/v1/events'],
  ['GET', '/'],
  ['GET', '/v1/__proto__'],
  ['constructor', '/v1/wallets'],
])('%s %s, which nobody knows, is no page', async (method, path) => {
  expect(await ask(method, path)).toMatchObject({ status: 404, type: 'text/plain', body: '404 page not found' });
});

test('a slash at the end does not matter, and the published client can read the answer', async () => {
  expect((await ask('POST', '/v1/wallets/')).body).toContain('POST /v1/wallets is not part');
  const { body } = await ask('POST', '/v1/wallets', { 'user-agent': 'speakeasy-sdk/typescript 2.0.1 2.845.12 1.0 @flexprice/sdk' });
  expect(JSON.parse(body)).toMatchObject({ code: 'not_found', error: null, success: null });
});
