import { expect, test } from 'vitest';
import { mostSpecificFirst } from '#platform/http/gateway-handler.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';

const parts = (path: string): string[] => path.split('/');
const fits = (pattern: string, path: string): boolean =>
  parts(pattern).length === parts(path).length &&
  parts(pattern).every((part, index) => part.startsWith('{') || part === parts(path)[index]);

test('no path is swallowed by another: the first that fits a request is its own', async () => {
  const routes = [...(await allRoutes())].sort((a, b) => mostSpecificFirst(a.path, b.path));
  expect(routes.length).toBeGreaterThan(100);
  const swallowed = routes.flatMap(({ method, path, operationId }) => {
    const first = routes.find((route) => route.method === method && fits(route.path, path.replaceAll(/\{\w+\}/g, 'x')));
    return first?.operationId === operationId ? [] : [`${operationId} by ${first?.operationId}`];
  });
  expect(swallowed).toEqual([]);
});

test('operations have names and places of their own', async () => {
  const routes = await allRoutes();
  expect(new Set(routes.map(({ operationId }) => operationId)).size).toBe(routes.length);
  expect(new Set(routes.map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`)).size).toBe(routes.length);
});

test.each([
  ['/v1/events', '/v1/events/analytics', 1],
  ['/v1/customers/{id}/usage', '/v1/customers/portal/{external_id}', 1],
  ['/v1/customers/external/{id}', '/v1/customers/{id}', -1],
  ['/v1/a', '/v1/a', 0],
])('%s and %s', (a, b, sign) => {
  expect(Math.sign(mostSpecificFirst(a, b))).toBe(sign);
  expect(Math.sign(mostSpecificFirst(b, a))).toBe(sign === 0 ? 0 : -sign);
});
