import pg from 'pg';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import type { RequestContext } from '#kernel/context.ts';
import { connectionOptions } from '#platform/postgres/connection.ts';
import { toGatewayEvent } from '../support/api.ts';
import { atRate } from './at-rate.ts';
import { steadyIngest } from './background.ts';
import { type Measurement, measurement } from './figures.ts';
import type { Sizes } from './sizes.ts';
import type { Surroundings } from './surroundings.ts';

const PER_SECOND = 200;
const FEATURE = 'bench-checks';
/** What the machine accepts and stores meanwhile; ids that no other benchmark uses. */
const BESIDE = { perSecond: 2_000, firstIndex: 500_000_000, customers: 1_000 };

/**
 * Entitlement checks at a fixed rate, from the request to the body of its answer, against the one statement that reads the counter,
 * sent at the same rate over as many connections. A request that comes late is measured from when it was due.
 */
export async function benchCheck({ app, ctx, config, startServer }: Surroundings, sizes: Sizes): Promise<Measurement[]> {
  const handler = createManagementHandler(app);
  const headers = { [config.auth.header]: config.local.api_key };
  const call = async (method: string, path: string, body?: unknown): Promise<Record<string, string>> => {
    const answer = await handler(toGatewayEvent(method, path, body, headers));
    if (answer.statusCode >= 300) throw new Error(`${method} ${path} answered ${answer.statusCode} ${answer.body}`);
    return JSON.parse(answer.body) as Record<string, string>;
  };
  const customers = await prepare(call, Math.min(sizes.customers, 100));

  const check = async (round: number): Promise<void> => {
    const { usage, allowed } = (await call(
      'GET',
      `/v1/customers/external/${customers[round % customers.length]}/entitlements/check?feature=${FEATURE}`,
    )) as unknown as { usage: string; allowed: boolean };
    if (usage !== '0' || !allowed) throw new Error(`a check answered usage ${usage}, allowed ${allowed}`);
  };
  // The first check of each customer counts: that is another path, and paid once.
  for (const round of customers.keys()) await check(round);

  const pool = new pg.Pool({ ...(await connectionOptions(config.postgres)), max: config.postgres.pool_max });
  // The server ends connections that are still being closed when it stops.
  pool.on('error', () => undefined);
  try {
    const read = (round: number) => readCounter(pool, ctx, customers[round % customers.length] as string);
    await atRate(check, PER_SECOND, sizes.warmUpSeconds);
    await atRate(read, PER_SECOND, sizes.warmUpSeconds);
    const both = async (name: string) =>
      measurement(
        name,
        await atRate(check, PER_SECOND, sizes.loadSeconds),
        'one SQL transaction',
        await atRate(read, PER_SECOND, sizes.loadSeconds),
      );
    const alone = await both(`entitlement checks, ${PER_SECOND}/s`);
    const api = await startServer('local/api.ts');
    await startServer('workers/consumer/main.ts');
    const ingest = steadyIngest(api, headers, BESIDE.perSecond, BESIDE.firstIndex, BESIDE.customers);
    try {
      // The processes that have just been started are still warming up.
      await atRate(check, PER_SECOND, 2 * sizes.warmUpSeconds);
      return [alone, await both(`the same beside ${BESIDE.perSecond.toLocaleString('en-US')} events/s`)];
    } finally {
      await ingest.stop();
    }
  } finally {
    await pool.end();
  }
}

/** A metered feature in a plan, and customers that have it. Answers their external ids. */
async function prepare(
  call: (method: string, path: string, body?: unknown) => Promise<Record<string, string>>,
  count: number,
): Promise<string[]> {
  const feature = await call('POST', '/v1/features', {
    name: 'Checks',
    lookup_key: FEATURE,
    type: 'metered',
    meter: { name: 'Checks', event_name: FEATURE, aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' },
  });
  const plan = await call('POST', '/v1/plans', { name: 'Checks' });
  await call('POST', '/v1/prices', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    type: 'FIXED',
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    invoice_cadence: 'ADVANCE',
    price_unit_type: 'FIAT',
    amount: '1',
    currency: 'USD',
  });
  await call('POST', '/v1/entitlements', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    feature_id: feature.id,
    feature_type: 'metered',
    usage_limit: 1000,
    usage_reset_period: 'MONTHLY',
    is_enabled: true,
  });
  const customers: string[] = [];
  for (let number = 0; number < count; number += 1) {
    const externalId = `bench-check-${number}`;
    const customer = await call('POST', '/v1/customers', { external_id: externalId, name: 'Bench' });
    await call('POST', '/v1/subscriptions', {
      customer_id: customer.id,
      plan_id: plan.id,
      currency: 'usd',
      billing_period: 'MONTHLY',
      billing_cycle: 'anniversary',
    });
    customers.push(externalId);
  }
  return customers;
}

async function readCounter(pool: pg.Pool, { tenantId, environmentId }: RequestContext, customer: string): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`select set_config('app.tenant_id', $1, true), set_config('app.environment_id', $2, true)`, [
      tenantId,
      environmentId,
    ]);
    const { rowCount } = await client.query('select value from usage_counters where external_customer_id = $1', [customer]);
    await client.query('commit');
    if (rowCount !== 1) throw new Error(`${rowCount} counters of ${customer}`);
  } finally {
    client.release();
  }
}
