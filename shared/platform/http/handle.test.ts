import { expect, test } from 'vitest';
import * as z from 'zod';
import { handleRoute, type RouteDependencies } from './handle.ts';
import { ok, type Route, route } from './route.ts';

const request = { method: 'GET', path: '/v1/things', headers: {}, query: {}, body: '', isText: true, unreadable: [] };
const dependencies = { validateResponses: false } as RouteDependencies;
const answering = (bytes: number, query?: z.ZodType): Route =>
  route({
    method: 'GET',
    path: '/v1/things',
    operationId: 'listThings',
    tag: 'Things',
    summary: 'List things',
    permission: 'public',
    ...(query && { query }),
    responses: { 200: z.string() },
    handler: () => ok('x'.repeat(bytes)),
  });
const asked = (of: Route) => handleRoute(of, request, {}, 'req_1', dependencies);

test('an answer that no gateway would carry is refused with its size, and where there is a page, with the way out', async () => {
  expect((await asked(answering(6_000_000))).body).toHaveLength(6_000_000);
  await expect(asked(answering(6_000_001))).rejects.toMatchObject({ code: 'invalid_operation', details: { answer_bytes: 6_000_001 } });
  await expect(asked(answering(7_000_000, z.object({ limit: z.int().optional() })))).rejects.toMatchObject({
    code: 'validation_error',
    message: 'limit: the answer would have 7.0 MB, more than the 6 that one may have: ask for fewer at a time',
  });
});
