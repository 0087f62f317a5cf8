import { setTimeout as delay } from 'node:timers/promises';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { Decimal } from '#kernel/decimal.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { toGatewayEvent } from '../support/api.ts';
import { type Measurement, measurement, percentiles, timed } from './figures.ts';
import type { Sizes } from './sizes.ts';
import type { Surroundings } from './surroundings.ts';

const BATCH_ROWS = 100_000;
const RANGE = { start: '2026-01-01T00:00:00Z', end: '2026-01-31T00:00:00Z' };
const DAYS = 30;
const EVENT_NAME = 'llm_usage';

interface Question { readonly name: string; readonly type: 'SUM' | 'COUNT'; readonly perCustomer: boolean }
const QUESTIONS: readonly Question[] = [
  { name: 'usage of a customer, SUM', type: 'SUM', perCustomer: true },
  { name: 'usage of a customer, COUNT', type: 'COUNT', perCustomer: true },
  { name: 'usage of all customers, SUM', type: 'SUM', perCustomer: false },
  { name: 'usage of all customers, COUNT', type: 'COUNT', perCustomer: false },
];

/**
 * The usage endpoint over stored events, from the request to the body of its answer, against the SQL that a person would write
 * for the same question, sent by the same client. Both take turns, and both have to come to the same number.
 */
export async function benchUsage(surroundings: Surroundings, sizes: Sizes): Promise<Measurement[]> {
  const { app: { clickhouse }, ctx } = surroundings;
  const measurements: Measurement[] = [];
  let loaded = 0;
  for (const events of sizes.storedEvents) {
    await loadEvents(clickhouse, ctx, loaded, events, sizes.customers);
    await merged(clickhouse);
    // The same number of questions would take ten times as long of ten times the events.
    const overallQueries = Math.max(3, Math.round((sizes.overallQueries * (sizes.storedEvents[0] ?? 0)) / events));
    measurements.push(...await askOf(surroundings, events, { ...sizes, overallQueries }));
    loaded = events;
  }
  return measurements;
}

async function askOf({ app, ctx, config }: Surroundings, events: number, sizes: Sizes): Promise<Measurement[]> {
  const { clickhouse } = app;
  const handler = createManagementHandler(app);

  const endpoint = async (question: Question, customer: string): Promise<Decimal> => {
    const body = {
      event_name: EVENT_NAME, aggregation_type: question.type, start_time: RANGE.start, end_time: RANGE.end,
      ...(question.type === 'SUM' ? { property_name: 'tokens' } : {}), ...(question.perCustomer ? { external_customer_id: customer } : {}),
    };
    const answer = await handler(toGatewayEvent('POST', '/v1/events/usage', body, { [config.auth.header]: config.local.api_key }));
    if (answer.statusCode !== 200) throw new Error(`the usage endpoint answered ${answer.statusCode} ${answer.body}`);
    return new Decimal((JSON.parse(answer.body) as { value?: number }).value ?? 0);
  };
  const byHand = async (question: Question, customer: string): Promise<Decimal> => {
    const what = question.type === 'COUNT' ? 'count()' : "sum(toDecimal128OrZero(JSONExtractString(properties, 'tokens'), 6))";
    const [row] = await clickhouse.query<{ value: string }>(
      `SELECT toString(${what}) AS value FROM events FINAL WHERE tenant_id = {tenant:String} AND environment_id = {environment:String} AND event_name = {name:String}
       ${question.perCustomer ? 'AND external_customer_id = {customer:String}' : ''} AND timestamp >= {start:DateTime64(3, 'UTC')} AND timestamp < {end:DateTime64(3, 'UTC')}`,
      { tenant: ctx.tenantId, environment: ctx.environmentId, name: EVENT_NAME, customer, start: RANGE.start.slice(0, 19), end: RANGE.end.slice(0, 19) },
      { do_not_merge_across_partitions_select_final: 1 });
    return new Decimal(row?.value ?? 0);
  };

  const measurements: Measurement[] = [];
  for (const question of QUESTIONS) {
    const [ours, reference]: [number[], number[]] = [[], []];
    const rounds = question.perCustomer ? sizes.customerQueries : sizes.overallQueries;
    for (let round = -3; round < rounds; round++) {
      const customer = customerId((Math.abs(round) * 7919) % sizes.customers);
      const answers: Decimal[] = [];
      const times = [await timed(async () => answers.push(await endpoint(question, customer))), await timed(async () => answers.push(await byHand(question, customer)))] as const;
      if (!answers[0]?.eq(answers[1] ?? NaN) || answers[0].isZero()) throw new Error(`${question.name}: the endpoint says ${answers[0]}, the SQL says ${answers[1]}`);
      if (round < 0) continue; // warm-up
      ours.push(times[0]);
      reference.push(times[1]);
    }
    measurements.push(measurement(`${question.name}, of ${(events / 1_000_000).toLocaleString('en-US')} M events`, percentiles(ours), 'hand-written SQL', percentiles(reference)));
  }
  return measurements;
}

function customerId(number: number): string {
  return `customer-${number}`;
}

/** Events straight into the table, spread over customers and a month; made by the engine itself. */
async function loadEvents(clickhouse: ClickHouse, { tenantId, environmentId }: { tenantId: string; environmentId: string }, loaded: number, events: number, customers: number): Promise<void> {
  for (let from = loaded; from < events; from += BATCH_ROWS) {
    await clickhouse.command(
      `INSERT INTO events (tenant_id, environment_id, external_customer_id, event_name, timestamp, id, customer_id, source, properties, ingested_at, topic, partition, offset, line)
       SELECT '${tenantId}', '${environmentId}', concat('customer-', toString(number % ${customers})), '${EVENT_NAME}',
              toDateTime64('${RANGE.start.slice(0, 10)} 00:00:00', 3, 'UTC') + toIntervalSecond(cityHash64(number) % ${DAYS * 86_400}),
              concat('usage-event-', toString(number)), '', 'bench',
              concat('{"tokens":', toString(1 + number % 5000), '.25,"model":"', if(number % 3 = 0, 'large', 'small'), '"}'),
              toDateTime64('${RANGE.end.slice(0, 10)} 00:00:00', 3, 'UTC'), 'events', toUInt32(number % 8), number, 0
       FROM numbers(${from}, ${Math.min(BATCH_ROWS, events - from)})`);
  }
}

/** Resolves once the engine has finished merging what was loaded: a table that lives is mostly merged, and merging takes the processors. */
async function merged(clickhouse: ClickHouse): Promise<void> {
  for (let quiet = 0; quiet < 3; await delay(500)) {
    const [row] = await clickhouse.query<{ n: string }>(`SELECT count() AS n FROM system.merges WHERE database = currentDatabase()`);
    quiet = row?.n === '0' ? quiet + 1 : 0;
  }
}
