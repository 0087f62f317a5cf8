import { type Measurement, measurement } from './figures.ts';
import { underLoad } from './load.ts';
import type { Sizes } from './sizes.ts';
import type { Surroundings } from './surroundings.ts';

const LISTED = 50;

/** Customers made and listed through the API, against a server that only reads and parses. */
export async function benchApi({ config, startServer }: Surroundings, sizes: Sizes): Promise<Measurement[]> {
  const [ours, bare] = [await startServer('local/api.ts'), await startServer('test/bench/bare-server.ts')];
  const headers = { [config.auth.header]: config.local.api_key };
  let made = 0;
  const bodies = (): string =>
    JSON.stringify({
      external_id: `bench-customer-${String(made++).padStart(9, '0')}`,
      name: 'A customer of the benchmark',
      email: 'billing@example.com',
    });
  for (let index = 0; index < LISTED; index += 1) {
    const answer = await fetch(`${ours.url}/v1/customers`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: bodies(),
    });
    if (answer.status !== 201) throw new Error(`a customer could not be made: ${answer.status} ${await answer.text()}`);
  }
  const create = { method: 'POST' as const, path: '/v1/customers', headers, connections: 16, perRequest: 1, bodies };
  const list = { method: 'GET' as const, path: `/v1/customers?limit=${LISTED}`, headers, connections: 16, perRequest: 1, bodies: [''] };
  const measurements: Measurement[] = [];
  // Lists first: there are as many customers then as a page holds.
  for (const [name, load] of [
    [`list ${LISTED} customers`, list],
    ['create a customer', create],
  ] as const) {
    const reference = await underLoad(bare, load, sizes);
    measurements.push(measurement(name, await underLoad(ours, load, sizes), 'bare node:http', reference, 'requests'));
  }
  return measurements;
}
