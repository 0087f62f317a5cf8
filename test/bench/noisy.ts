import autocannon from 'autocannon';
import { systemContext } from '#kernel/context.ts';
import { newId } from '#kernel/ids.ts';
import { atRate } from './at-rate.ts';
import { type Measurement, measurement } from './figures.ts';
import { sampleEvent } from './sample-events.ts';
import type { Sizes } from './sizes.ts';
import type { Server, Surroundings } from './surroundings.ts';

const QUIET_PER_SECOND = 50;
const NOISY_TIMES = 100;
/** What the noisy tenant may send: ten times what the quiet one does. */
const QUOTA = { events_per_second: 500, burst: 1000 };
const NOISY_KEY = 'sk_bench_noisy_0123456789abcdef';
const CONNECTIONS = 16;

/** How long a tenant waits for the acceptance of a single event, beside another that sends a hundred times as many and is held to its quota, against the same alone. */
export async function benchNoisy({ app, config, startServer }: Surroundings, sizes: Sizes): Promise<Measurement[]> {
  const { tenant } = await app.tenancy.createTenant(systemContext(newId('tenant', app.clock), '', 'bench'), {
    name: 'Noisy',
    key: NOISY_KEY,
  });
  await app.tenancy.updateIngestTerms(systemContext(tenant.id, '', 'bench'), { quota: QUOTA });
  const server = await startServer('local/api.ts');
  let index = 0;
  const accept = async (): Promise<void> => {
    const body = JSON.stringify(sampleEvent(index++, sizes.customers));
    const answer = await fetch(`${server.url}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', [config.auth.header]: config.local.api_key },
      body,
    });
    if (answer.status !== 202) throw new Error(`the quiet tenant was answered ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
  };
  await atRate(accept, QUIET_PER_SECOND, sizes.warmUpSeconds);
  const alone = await atRate(accept, QUIET_PER_SECOND, 2 * sizes.loadSeconds);
  const noise = makeNoise(server, config.auth.header, sizes);
  await atRate(accept, QUIET_PER_SECOND, sizes.warmUpSeconds);
  const beside = await atRate(accept, QUIET_PER_SECOND, 2 * sizes.loadSeconds);
  const { refused, others } = await noise;
  if (refused === 0 || others > 0)
    throw new Error(`the noisy tenant was refused ${refused} times, and ${others} of its requests failed in another way`);
  return [measurement(`acceptance beside a tenant that sends ${NOISY_TIMES} times as much`, beside, 'the same alone', alone)];
}

/** In a thread of its own: the one that measures must not be kept busy by it. */
async function makeNoise(
  { url }: Server,
  header: string,
  { warmUpSeconds, loadSeconds }: Sizes,
): Promise<{ refused: number; others: number }> {
  const headers = { 'content-type': 'application/json', [header]: NOISY_KEY };
  const options = {
    url: `${url}/v1/events`,
    method: 'POST' as const,
    headers,
    body: JSON.stringify(sampleEvent(0, 1)),
    workers: 1,
    connections: CONNECTIONS,
    overallRate: QUIET_PER_SECOND * NOISY_TIMES,
    duration: warmUpSeconds + 2 * loadSeconds + 1,
  };
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    autocannon(options, (error: unknown, done) => (error ? reject(error as Error) : resolve(done)));
  });
  return { refused: result['4xx'], others: result.errors + result['5xx'] };
}
