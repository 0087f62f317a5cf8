import { createManagementHandler } from '#functions/management/create-handler.ts';
import { Decimal } from '#kernel/decimal.ts';
import { toGatewayEvent } from '../support/api.ts';
import type { Measurement } from './figures.ts';
import { inTurns } from './in-turns.ts';
import type { Sizes } from './sizes.ts';
import { EVENT_NAME, RANGE, storeEvents } from './stored-events.ts';
import type { Surroundings } from './surroundings.ts';

interface Question {
  readonly name: string;
  readonly type: 'SUM' | 'COUNT';
  readonly perCustomer: boolean;
}
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
  const {
    app: { clickhouse },
    ctx,
  } = surroundings;
  const measurements: Measurement[] = [];
  for (const events of sizes.storedEvents) {
    await storeEvents(clickhouse, ctx, events, sizes.customers);
    // The same number of questions would take ten times as long of ten times the events.
    const overallQueries = Math.max(3, Math.round((sizes.overallQueries * (sizes.storedEvents[0] ?? 0)) / events));
    measurements.push(...(await askOf(surroundings, events, { ...sizes, overallQueries })));
  }
  return measurements;
}

async function askOf({ app, ctx, config }: Surroundings, events: number, sizes: Sizes): Promise<Measurement[]> {
  const { clickhouse } = app;
  const handler = createManagementHandler(app);

  const endpoint = async (question: Question, customer: string): Promise<Decimal> => {
    const body = {
      event_name: EVENT_NAME,
      aggregation_type: question.type,
      start_time: RANGE.start,
      end_time: RANGE.end,
      ...(question.type === 'SUM' ? { property_name: 'tokens' } : {}),
      ...(question.perCustomer ? { external_customer_id: customer } : {}),
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
      {
        tenant: ctx.tenantId,
        environment: ctx.environmentId,
        name: EVENT_NAME,
        customer,
        start: RANGE.start.slice(0, 19),
        end: RANGE.end.slice(0, 19),
      },
      { do_not_merge_across_partitions_select_final: 1 },
    );
    return new Decimal(row?.value ?? 0);
  };

  const measurements: Measurement[] = [];
  for (const question of QUESTIONS) {
    const name = `${question.name}, of ${(events / 1_000_000).toLocaleString('en-US')} M events`;
    const rounds = question.perCustomer ? sizes.customerQueries : sizes.overallQueries;
    measurements.push(
      await inTurns(name, rounds, sizes.customers, {
        ours: (customer) => endpoint(question, customer),
        byHand: (customer) => byHand(question, customer),
      }),
    );
  }
  return measurements;
}
