import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Config } from '#platform/config/schema.ts';
import type { Route } from '#platform/http/route.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { sessionFor } from '../support/portal.ts';
import { type Wire, wireTo } from '../support/severed.ts';
import { type SourceProcess, startSourceProcess } from '../support/source-process.ts';
import { seedEverything, type World } from '../support/world.ts';
import { requestFor } from '../support/world-requests.ts';

// Every route while an engine is away or hangs: it answers or says 503, soon, and the process that is asked goes on. Events are accepted
// as long as they can be kept. One process, because a promise that nobody awaits ends it, whatever the request was answered.

const ENGINE_MS = 700;
/** What one answer may take: an engine's time-out, and what comes before and after it. */
const SOON_MS = 6_000;
const START_MS = 120_000;

let api: TestApi;
let world: World;
let session: string;
const routes = inOrder(await allRoutes());
/** Those after which the world is as it was, or has more in it. */
const keeping = routes.filter((route) => rank(route) < 2);

beforeAll(async () => {
  api = await startTestApi({ clickhouse: true });
  world = await seedEverything(api);
  session = await sessionFor(api, world.externalCustomerId);
  await api.request('PUT', '/v1/settings/customer_portal_config', { value: { cost_analytics_enabled: true } });
}, START_MS);
afterAll(() => api?.close());

/** What only reads comes first, what takes something away last: the world is one. */
function inOrder(all: readonly Route[]): Route[] {
  return [...all].sort((a, b) => rank(a) - rank(b));
}

function rank({ method, path }: Route): number {
  if (method === 'DELETE') return 3;
  return /\/(cancel|void|disable)$/.test(path) ? 2 : method === 'GET' ? 0 : 1;
}

interface Seen {
  readonly operation: string;
  readonly status: number;
  readonly code: string | undefined;
  readonly milliseconds: number;
}

/** A process of the API that reaches its engines by wires of its own, asked for everything that it serves. */
class Subject {
  readonly #process: SourceProcess;
  readonly clickhouse: Wire;
  readonly postgres: Wire;

  constructor(process: SourceProcess, clickhouse: Wire, postgres: Wire) {
    this.#process = process;
    this.clickhouse = clickhouse;
    this.postgres = postgres;
  }

  static async start(more: Partial<Config['kafka']> = {}): Promise<Subject> {
    const { config } = api;
    const engine = new URL(config.clickhouse.url ?? '');
    const clickhouse = await wireTo(engine.hostname, Number(engine.port));
    const postgres = await wireTo(config.postgres.host ?? '', config.postgres.port);
    const process = await startSourceProcess('api', {
      ...config,
      server: { ...config.server, host: '127.0.0.1', port: 0 },
      clickhouse: { ...config.clickhouse, url: `http://${clickhouse.host}:${clickhouse.port}`, request_timeout_ms: ENGINE_MS },
      postgres: { ...config.postgres, host: postgres.host, port: postgres.port },
      kafka: { ...config.kafka, ...more },
      log: { ...config.log, level: 'ERROR' },
    });
    return new Subject(process, clickhouse, postgres);
  }

  async ask(route: Route): Promise<Seen> {
    const { path, body } = requestFor(world, api.ctx, route);
    const started = performance.now();
    const answer = await fetch(`http://127.0.0.1:${this.#process.ready.port}${path}`, {
      method: route.method,
      headers: { 'x-api-key': api.key, 'x-session-token': session, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const milliseconds = Math.round(performance.now() - started);
    return { operation: route.operationId, status: answer.status, code: /"code":"(\w+)"/.exec(text)?.[1], milliseconds };
  }

  async askAll(asked: readonly Route[]): Promise<Seen[]> {
    const seen: Seen[] = [];
    for (const route of asked) seen.push(await this.ask(route));
    return seen;
  }

  /** It is the process that it was: nobody restarts it here. */
  async expectAlive(): Promise<void> {
    const ended = await Promise.race([this.#process.exited.then((code) => `ended with ${code}: ${this.#process.output()}`), 'alive']);
    expect(ended).toBe('alive');
    expect((await fetch(`http://127.0.0.1:${this.#process.ready.port}/health`)).status).toBe(200);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    await Promise.all([this.clickhouse.close(), this.postgres.close()]);
  }
}

/** Neither answered nor refused as "away", or late. `mayRefuse`: what the world's state forbids is an answer, too. */
function odd(seen: readonly Seen[], mayRefuse: boolean): Seen[] {
  const operators = new Set(routes.filter(({ permission }) => permission === 'operator').map(({ operationId }) => operationId));
  return seen.filter(({ operation, status, milliseconds }) => {
    if (milliseconds > SOON_MS) return true;
    if (status < 300 || status === 503) return false;
    return !(status === 403 && operators.has(operation)) && !(mayRefuse && status < 500);
  });
}

function unavailable(seen: readonly Seen[]): string[] {
  return seen.filter(({ status }) => status === 503).map(({ operation }) => operation);
}

const READS_OF_EVENTS = [
  'getEvents',
  'listRawEvents',
  'getEvent',
  'getEventById',
  'getUsageStatistics',
  'getUsageByMeter',
  'previewMeter',
  'getMonitoringData',
  'getUsageAnalytics',
  'queryMeterUsage',
  'getMeterUsageAnalytics',
  'getMeterUsageDetailedAnalytics',
  'getDetailedCostAnalytics',
  'getSubscriptionUsage',
  'getInvoicePreview',
  'getPortalUsageAnalytics',
  'getPortalCostAnalytics',
];
const INGEST = ['ingestEvent', 'ingestEventsBulk', 'ingestRawEventsBulk'];

// In this order: a world without Postgres or a log stays as it is.
describe.sequential('all routes', { timeout: START_MS }, () => {
  test('with Postgres, and the log in it, away', async () => {
    const subject = await Subject.start();
    // The key is remembered, so that what follows is not refused for want of it.
    await subject.ask(routes.find(({ operationId }) => operationId === 'listRbacRoles') as Route);
    await subject.postgres.cut();
    const seen = await subject.askAll(routes);
    await subject.expectAlive();
    await subject.stop();
    expect(odd(seen, false)).toEqual([]);
    expect(unavailable(seen)).toEqual(expect.arrayContaining([...INGEST, 'createCustomer', 'listCustomers', 'getMonitoringData']));
  });

  test('with the log in a Kafka that is away', async () => {
    const subject = await Subject.start({ brokers: ['127.0.0.1:9'] });
    const seen = await subject.askAll(routes.filter(({ path }) => path.startsWith('/v1/events')));
    await subject.expectAlive();
    await subject.stop();
    expect(seen.filter(({ status }) => status >= 300 && status !== 503)).toEqual([]);
    expect(seen.filter(({ milliseconds }) => milliseconds > 25_000)).toEqual([]);
  });

  test.each([
    ['hangs', keeping, (wire: Wire) => wire.mute()],
    ['is away', routes, (wire: Wire) => wire.cut()],
  ] as const)('with a ClickHouse that %s', async (_, asked, take) => {
    const subject = await Subject.start();
    await take(subject.clickhouse);
    const seen = await subject.askAll(asked);
    await subject.expectAlive();
    await subject.stop();
    expect(odd(seen, true)).toEqual([]);
    expect(unavailable(seen)).toEqual(expect.arrayContaining(READS_OF_EVENTS));
    expect(seen.filter(({ operation, status }) => INGEST.includes(operation) && status !== 202)).toEqual([]);
  });
});
