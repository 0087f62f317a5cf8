import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import { isIngest } from '#local/gateway.ts';
import type { Route } from '#platform/http/route.ts';
import { allRoutes, generateOpenApi } from '../../scripts/generate-openapi.ts';

interface Row {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly code: string;
  readonly gate: string;
}

/** The operations that clients of FlexPrice know: path, success code, permission. */
const surface = new Map(
  readFileSync(join(import.meta.dirname, 'api-surface.tsv'), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line): [string, Row] => {
      const [method = '', path = '', operationId = '', , , , code = '', , , gate = ''] = line.split('\t');
      return [key(method, path), { method, path, operationId, code, gate }];
    }),
);
const routes = await allRoutes();

/** Parameter names do not matter to a client. */
function key(method: string, path: string): string {
  return `${method} ${path.replace(/\{\w+\}/g, '{}')}`;
}

/** Operations that go beyond the compatible surface. */
const OURS = new Set([
  'GET /health/ready',
  'GET /v1/tenants/{id}/ingest',
  'PUT /v1/tenants/{id}/ingest',
  'POST /v1/meters/preview',
  'GET /v1/events/dead-letters',
  'GET /v1/events/dead-letters/{id}',
  'POST /v1/events/dead-letters/redrive',
  'POST /v1/events/reprocess',
  'GET /v1/events/reprocess/{workflow_id}',
  'GET /v1/customers/{id}/entitlements/check',
  'GET /v1/customers/external/{external_id}/entitlements/check',
  'GET /v1/invoices/{id}/line_items',
  'GET /v1/invoices/{id}/line_items/{line_item_id}/buckets',
  'GET /v1/invoices/{id}/line_items/{line_item_id}/windows',
  'GET /v1/customer/portal/invoices/{id}/line_items',
  'GET /v1/customer/portal/invoices/{id}/line_items/{line_item_id}/buckets',
  'GET /v1/customer/portal/invoices/{id}/line_items/{line_item_id}/windows',
]);

/** Open to every key: what concerns the key itself. All else that the original lets any credential read takes a right to read it (docs/adr/0021). */
const OPEN = new Set(['GET /v1/users/me', 'GET /v1/rbac/roles', 'GET /health', 'POST /health']);

/** Where it takes a right to write: whoever makes a session of the portal can write what it can write. */
const STRICTER: Readonly<Record<string, string>> = { 'GET /v1/customers/portal/{external_id}': 'write:Customer' };

describe('the route tables', () => {
  test('name every operation and every path once', () => {
    const paths = routes.map((route) => key(route.method, route.path));
    expect(paths.filter((path, index) => paths.indexOf(path) !== index)).toEqual([]);
    const ids = routes.map((route) => route.operationId);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  test.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))('%s is as clients know it', (name, route: Route) => {
    if (OURS.has(name)) return;
    const row = surface.get(key(route.method, route.path));
    expect(row, `${name} is not in api-surface.tsv`).toBeDefined();
    if (!row) return;
    for (const code of row.code.split(',').filter(Boolean)) expect(Object.keys(route.responses)).toContain(code);
    if (!row.operationId.startsWith('(')) expect(route.operationId).toBe(row.operationId);
    const gate = STRICTER[name] ?? row.gate;
    const portal = route.path.startsWith('/v1/customer/portal/');
    if (gate !== '') expect(route.permission).toBe(gate);
    else expect(route.permission).toMatch(OPEN.has(name) || portal ? /^(authenticated|public)$/ : /^read:\w+$/);
    expect(route.credential).toBe(portal ? 'portal_session' : isIngest(route.method, route.path) ? 'any_key' : 'api_key');
  });
});

test('openapi.json is what the route tables say; `npm run openapi` writes it anew', async () => {
  expect(readFileSync(join(import.meta.dirname, '../../openapi.json'), 'utf8')).toBe(await generateOpenApi());
});

test('openapi.json is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(await generateOpenApi());
  expect(result.errors ?? []).toEqual([]);
  expect(result.valid).toBe(true);
});
