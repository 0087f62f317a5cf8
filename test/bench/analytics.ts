import { createManagementHandler } from '#functions/management/create-handler.ts';
import { Decimal, sum } from '#kernel/decimal.ts';
import { toGatewayEvent } from '../support/api.ts';
import type { Measurement } from './figures.ts';
import { inTurns } from './in-turns.ts';
import type { Sizes } from './sizes.ts';
import { EVENT_NAME, RANGE, storeEvents } from './stored-events.ts';
import type { Surroundings } from './surroundings.ts';

interface Analytics {
  readonly items: readonly { readonly total_usage: string; readonly points: readonly unknown[] }[];
}

/** Analytics of a customer by day and by a property, with the points of every day, against the SQL that groups so. */
export async function benchAnalytics({ app, ctx, config }: Surroundings, sizes: Sizes): Promise<Measurement[]> {
  const handler = createManagementHandler(app);
  const call = async (path: string, body: object): Promise<unknown> => {
    const answer = await handler(toGatewayEvent('POST', path, body, { [config.auth.header]: config.local.api_key }));
    if (answer.statusCode >= 300) throw new Error(`${path} answered ${answer.statusCode} ${answer.body}`);
    return JSON.parse(answer.body);
  };
  // At least the first size; whatever is there already stays.
  await storeEvents(app.clickhouse, ctx, sizes.storedEvents[0] ?? 0, sizes.customers);
  await call('/v1/features', {
    name: 'Tokens',
    type: 'metered',
    meter: { name: 'Tokens', event_name: EVENT_NAME, aggregation: { type: 'SUM', field: 'tokens' }, reset_usage: 'BILLING_PERIOD' },
  });

  const range = { start_time: RANGE.start, end_time: RANGE.end };
  const ours = async (customer: string): Promise<Decimal> => {
    const { items } = (await call('/v1/events/analytics', {
      external_customer_id: customer,
      ...range,
      window_size: 'DAY',
      group_by: ['properties.model'],
    })) as Analytics;
    if (items.some(({ points }) => points.length === 0)) throw new Error('analytics came without points');
    return sum(items.map((item) => new Decimal(item.total_usage)));
  };
  const byHand = async (customer: string): Promise<Decimal> => {
    const rows = await app.clickhouse.query<{ day: string; model: string; value: string }>(
      `SELECT toStartOfDay(timestamp) AS day, JSONExtractString(properties, 'model') AS model, toString(sum(toDecimal128OrZero(JSONExtractString(properties, 'tokens'), 6))) AS value
       FROM events FINAL WHERE tenant_id = {tenant:String} AND environment_id = {environment:String} AND event_name = {name:String} AND external_customer_id = {customer:String}
       AND timestamp >= {start:DateTime64(3, 'UTC')} AND timestamp < {end:DateTime64(3, 'UTC')} GROUP BY day, model ORDER BY day, model`,
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
    return sum(rows.map(({ value }) => new Decimal(value)));
  };
  const [counted] = await app.clickhouse.query<{ n: string }>(`SELECT count() AS n FROM events WHERE event_name = {name:String}`, {
    name: EVENT_NAME,
  });
  return [
    await inTurns(
      `analytics of a customer by day and model, of ${(Number(counted?.n) / 1_000_000).toLocaleString('en-US')} M events`,
      sizes.customerQueries,
      sizes.customers,
      { ours, byHand },
    ),
  ];
}
