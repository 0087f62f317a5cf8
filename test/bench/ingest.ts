import { type Measurement, measurement } from './figures.ts';
import { withKafka } from './kafka-surroundings.ts';
import { type Load, underLoad } from './load.ts';
import { sampleEvent, sampleEvents } from './sample-events.ts';
import type { Sizes } from './sizes.ts';
import type { Server, Surroundings } from './surroundings.ts';

const CUSTOMERS = 64;

function loads(headers: Readonly<Record<string, string>>): readonly (Load & { readonly name: string })[] {
  const bulk = (events: number, connections: number, requests: number) => ({
    name: `${events.toLocaleString('en-US')} per request`,
    method: 'POST' as const,
    path: '/v1/events/bulk',
    headers,
    connections,
    perRequest: events,
    bodies: Array.from({ length: requests }, (_, index) => JSON.stringify({ events: sampleEvents(index * events, events, CUSTOMERS) })),
  });
  return [
    bulk(1000, 8, 8),
    bulk(100, 16, 64),
    {
      name: 'single',
      method: 'POST',
      path: '/v1/events',
      headers,
      connections: 32,
      perRequest: 1,
      bodies: Array.from({ length: CUSTOMERS }, (_, index) => JSON.stringify(sampleEvent(index, CUSTOMERS))),
    },
  ];
}

/** Events through the real handlers into the event log, in Postgres and where it is installed in Kafka (acks=all), against a server that only reads and parses. */
export async function benchIngest(surroundings: Surroundings, sizes: Sizes): Promise<Measurement[]> {
  const { config, startServer } = surroundings;
  const onKafka = await withKafka(surroundings);
  const logs: [name: string, server: Server][] = [
    ['Postgres', await startServer('local/api.ts')],
    ...(onKafka === undefined ? [] : [['Kafka', await startServer('local/api.ts', onKafka)] as [string, Server]]),
  ];
  const bare = await startServer('test/bench/bare-server.ts');
  const measurements: Measurement[] = [];
  for (const load of loads({ [config.auth.header]: config.local.api_key })) {
    const reference = await underLoad(bare, load, sizes);
    for (const [log, server] of logs)
      measurements.push(
        measurement(`ingest into ${log}, ${load.name}`, await underLoad(server, load, sizes), 'bare node:http', reference, 'events'),
      );
  }
  return measurements;
}
