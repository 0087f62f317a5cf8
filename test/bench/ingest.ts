import autocannon from 'autocannon';
import { type Figures, type Measurement, measurement, percentiles } from './figures.ts';
import { sampleEvent, sampleEvents } from './sample-events.ts';
import type { Sizes } from './sizes.ts';
import type { Surroundings } from './surroundings.ts';

interface Load { readonly name: string; readonly path: string; readonly eventsPerRequest: number; readonly connections: number; readonly bodies: readonly string[] }

const CUSTOMERS = 64;
const LOADS: readonly Load[] = [
  {
    name: 'ingest, 1,000 per request', path: '/v1/events/bulk', eventsPerRequest: 1000, connections: 8,
    bodies: Array.from({ length: 8 }, (_, index) => JSON.stringify({ events: sampleEvents(index * 1000, 1000, CUSTOMERS) })),
  },
  {
    name: 'ingest, single', path: '/v1/events', eventsPerRequest: 1, connections: 32,
    bodies: Array.from({ length: CUSTOMERS }, (_, index) => JSON.stringify(sampleEvent(index, CUSTOMERS))),
  },
];

/** Events through the real handlers into the event log in Postgres, against a server that only reads and parses. */
export async function benchIngest({ config, startServer }: Surroundings, sizes: Sizes): Promise<Measurement[]> {
  const [ours, bare] = await Promise.all([startServer('local/api.ts'), startServer('test/bench/bare-server.ts')]);
  const key = { [config.auth.header]: config.local.api_key };
  const measurements: Measurement[] = [];
  for (const load of LOADS) {
    const reference = await underLoad(bare, load, {}, sizes);
    measurements.push(measurement(load.name, await underLoad(ours, load, key, sizes), 'bare node:http', reference, 'events'));
  }
  return measurements;
}

async function underLoad(url: string, load: Load, headers: Readonly<Record<string, string>>, { warmUpSeconds, loadSeconds }: Sizes): Promise<Figures> {
  await shoot(url, load, headers, warmUpSeconds);
  return shoot(url, load, headers, loadSeconds);
}

/** Throws when a single request was not accepted: the rate of refusals is no figure. */
async function shoot(url: string, { path, connections, bodies, eventsPerRequest }: Load, headers: Readonly<Record<string, string>>, duration: number): Promise<Figures> {
  // autocannon's own histogram counts whole milliseconds, which is too coarse for the bare server.
  const durations: number[] = [];
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const requests = bodies.map((body) => ({ method: 'POST' as const, path, body, headers: { 'content-type': 'application/json', ...headers } }));
    const instance = autocannon({ url, connections, duration, requests }, (error: unknown, done) => (error ? reject(error as Error) : resolve(done)));
    instance.on('response', (_client, _status, _bytes, milliseconds) => { durations.push(milliseconds); });
  });
  if (result.errors > 0 || result.non2xx > 0) throw new Error(`${path}: ${result.errors} requests failed, ${result.non2xx} were not accepted`);
  return { perSecond: (result['2xx'] * eventsPerRequest) / result.duration, ...percentiles(durations) };
}
