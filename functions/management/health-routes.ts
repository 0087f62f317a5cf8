import * as z from 'zod';
import type { App } from '#app';
import { ok, type Route, route } from '#platform/http/route.ts';

const Health = z.object({ status: z.literal('ok') });
const EngineState = z.object({ status: z.enum(['ok', 'failing']), error: z.string().optional() });
const Readiness = z.object({ status: z.enum(['ready', 'not_ready']), engines: z.record(z.string(), EngineState) });

/** Liveness needs no engine; readiness asks each of them. Both are open, for load balancers. */
export function healthRoutes(app: App): Route[] {
  const live = (method: 'GET' | 'POST', operationId: string): Route =>
    route({
      method,
      path: '/health',
      operationId,
      tag: 'Health',
      summary: 'The process answers',
      permission: 'public',
      responses: { 200: Health },
      idempotent: false,
      handler: () => ok({ status: 'ok' }),
    });
  return [
    live('GET', 'getHealth'),
    live('POST', 'postHealth'),
    route({
      method: 'GET',
      path: '/health/ready',
      operationId: 'getReadiness',
      tag: 'Health',
      summary: 'Every engine answers and every topic exists',
      permission: 'public',
      responses: { 200: Readiness, 503: Readiness },
      handler: async () => {
        const checks = await Promise.all(
          Object.entries(app.readiness()).map(async ([engine, check]) => [engine, await state(check)] as const),
        );
        const ready = checks.every(([, engine]) => engine.status === 'ok');
        return { status: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not_ready', engines: Object.fromEntries(checks) } };
      },
    }),
  ];
}

async function state(check: () => Promise<void>): Promise<z.output<typeof EngineState>> {
  try {
    await check();
    return { status: 'ok' };
  } catch (error) {
    return { status: 'failing', error: error instanceof Error ? error.message : 'unknown' };
  }
}
