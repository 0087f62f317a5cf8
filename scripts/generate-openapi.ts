import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { createApp, modules } from '#app/create-app.ts';
import { mountedRoutes } from '#app/mounted.ts';
import { healthModule } from '#functions/management/health.ts';
import { loadConfig } from '#platform/config/load.ts';
import { openApiDocument } from '#platform/http/openapi.ts';
import type { Route } from '#platform/http/route.ts';
import { operationTexts } from './reference/texts.ts';

const ROOT = join(import.meta.dirname, '..');

/** Every route of the API. Building the tables opens no connection: the addresses below are never used. */
export async function allRoutes(): Promise<Route[]> {
  const app = createApp(
    loadConfig({
      env: { FLEXPRICE_CLICKHOUSE_URL: 'http://127.0.0.1:1', FLEXPRICE_POSTGRES_HOST: '127.0.0.1' },
      file: 'no-such-file.yaml',
    }),
  );
  const mounted = [
    healthModule(() => app),
    ...mountedRoutes(modules, () => app, 'management'),
    ...mountedRoutes(modules, () => app, 'ingest'),
  ];
  return (await Promise.all(mounted.map((module) => module.load()))).flat();
}

/** The text of openapi.json. A schema has the name under which its contract exports it. */
export async function generateOpenApi(): Promise<string> {
  const named = new Map<z.ZodType, string>();
  for (const file of globSync(['shared/*/contracts.ts', 'shared/*/contracts/*.ts', 'shared/*/settings.ts'], { cwd: ROOT })
    .filter((name) => !name.endsWith('.test.ts'))
    .sort()) {
    const contract = (await import(join(ROOT, file))) as Record<string, unknown>;
    for (const [name, schema] of Object.entries(contract)) if (schema instanceof z.ZodType && /^[A-Z]/.test(name)) named.set(schema, name);
  }
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const info = {
    title: 'FlexPrice API',
    version,
    description:
      'Meter usage exactly, price it, and issue invoices that a customer can check. Decimals are JSON strings unless an operation says otherwise; times are RFC 3339 in UTC.',
  };
  const document = openApiDocument(await allRoutes(), named, info, operationTexts());
  return `${JSON.stringify(document, null, 2)}\n`;
}
