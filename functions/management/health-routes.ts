import * as z from 'zod';
import type { Engines } from '#module/engines.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { remembering } from '#platform/remembering.ts';

const Health = z.object({ status: z.literal('ok') });
const EngineState = z.object({ status: z.enum(['ok', 'failing']) });
const Readiness = z.object({ status: z.enum(['ready', 'not_ready']), engines: z.record(z.string(), EngineState) });

/** Both are open to everybody: an answer is remembered for so long, however many ask. */
const REMEMBERED_MS = 1_000;

/** An engine that is silent for so long fails. */
const SILENT_MS = 5_000;

/** Why an engine fails, for the log: such texts name hosts and users, which are nobody else's business. */
type Failures = Readonly<Record<string, string>>;

/** Liveness needs no engine; readiness asks each of them. Both are open, for load balancers. */
export function healthRoutes(app: Pick<Engines, 'readiness' | 'clock'>): Route[] {
  const remembered = remembering<{ readonly engines: readonly string[]; readonly failures: Failures }>(app.clock, {
    ttlMs: REMEMBERED_MS,
    max: 1,
  });
  const live = (method: 'GET' | 'POST', operationId: string): Route =>
    route({
      method,
      path: '/health',
      operationId,
      tag: 'Health',
      summary: 'The process answers',
      permission: 'public',
      // Load balancers and caches add parameters of their own.
      unknownKeys: 'taken',
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
      unknownKeys: 'taken',
      responses: { 200: Readiness, 503: Readiness },
      handler: async () => {
        const { engines, failures } = await remembered('readiness', () => ask(app.readiness()));
        const states = engines.map((engine) => [engine, { status: Object.hasOwn(failures, engine) ? 'failing' : 'ok' }] as const);
        const body = { engines: Object.fromEntries(states) };
        return Object.keys(failures).length === 0
          ? ok({ status: 'ready', ...body })
          : { status: 503, body: { status: 'not_ready', ...body }, log: { failing: failures } };
      },
    }),
  ];
}

async function ask(checks: Readonly<Record<string, () => Promise<void>>>): Promise<{ engines: string[]; failures: Failures }> {
  const failures: Record<string, string> = {};
  await Promise.all(
    Object.entries(checks).map(([engine, check]) =>
      inTime(check).catch((error: unknown) => {
        failures[engine] = error instanceof Error ? error.message : String(error);
      }),
    ),
  );
  return { engines: Object.keys(checks), failures };
}

function inTime(check: () => Promise<void>): Promise<void> {
  const silent = Promise.withResolvers<void>();
  const timer = setTimeout(() => silent.reject(new Error(`no answer within ${SILENT_MS / 1000} s`)), SILENT_MS);
  const checked = async (): Promise<void> => check(); // one that throws rejects like the others
  return Promise.race([checked(), silent.promise]).finally(() => clearTimeout(timer));
}
