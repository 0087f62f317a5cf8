import { expect } from 'vitest';
import { DateTime } from 'luxon';
import type { fixedClock } from '#kernel/clock.ts';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import type { Answer, TestApi } from './api.ts';
import { type EventSketch, loggedEvent } from './metering.ts';

/** A customer with meters, prices, subscriptions and events, as an example writes it. Everything begins on January 1, 2026. */
export interface AnalyticsWorld {
  /** By the name of their event; each with its prices (flat, 1 per unit, unless told). */
  readonly meters: Readonly<
    Record<string, { readonly aggregation: object; readonly prices?: readonly object[]; readonly feature?: object }>
  >;
  readonly subscriptions?: readonly { readonly cancelled?: string }[];
  /** On the line of the first meter. */
  readonly commitment?: object;
  readonly timezone?: string;
  /** Customers that inherit the subscriptions, with events of the same names. */
  readonly children?: readonly { readonly events: AnalyticsWorld['events'] }[];
  readonly events: readonly Omit<EventSketch, 'id' | 'customer'>[];
}

export interface MadeWorld {
  readonly customer: string;
  readonly meterIds: readonly string[];
  readonly featureIds: readonly string[];
  readonly subscriptionIds: readonly string[];
  readonly children: readonly string[];
}

let worlds = 0;

/** Makes it through the API; event names are made unique, so that worlds do not see each other. The clock ends on February 1. */
export async function makeAnalyticsWorld(api: TestApi, clock: ReturnType<typeof fixedClock>, world: AnalyticsWorld): Promise<MadeWorld> {
  worlds += 1;
  const customer = `customer_${worlds}`;
  clock.set(DateTime.utc(2026, 1, 1));
  await made(api, '/v1/customers', { external_id: customer, name: customer, timezone: world.timezone ?? 'UTC' });
  const children = (world.children ?? []).map((_, index) => `${customer}.child_${index}`);
  for (const child of children) await made(api, '/v1/customers', { external_id: child, name: child });
  const plan = await made(api, '/v1/plans', { name: customer });
  const [meterIds, featureIds, priceIds]: [string[], string[], string[]] = [[], [], []];
  for (const [name, { aggregation, prices = [{}], feature: more }] of Object.entries(world.meters)) {
    const feature = await made(api, '/v1/features', {
      name,
      type: 'metered',
      ...more,
      meter: { name, event_name: `${customer}.${name}`, aggregation, reset_usage: 'BILLING_PERIOD' },
    });
    meterIds.push(feature.meter_id);
    featureIds.push(feature.id);
    for (const price of prices) {
      const usage = {
        entity_type: 'PLAN',
        entity_id: plan.id,
        type: 'USAGE',
        billing_model: 'FLAT_FEE',
        billing_period: 'MONTHLY',
        invoice_cadence: 'ARREAR',
        currency: 'usd',
        amount: '1',
        meter_id: feature.meter_id,
      };
      priceIds.push((await made(api, '/v1/prices', { ...usage, ...price })).id);
    }
  }
  const subscriptionIds: string[] = [];
  for (const { cancelled } of world.subscriptions ?? [{}]) {
    clock.set(clock.now().plus({ seconds: 1 }));
    const subscription = await made(api, '/v1/subscriptions', {
      external_customer_id: customer,
      plan_id: plan.id,
      currency: 'usd',
      billing_period: 'MONTHLY',
      billing_cycle: 'anniversary',
      start_date: '2026-01-01T00:00:00Z',
      ...(children.length > 0 && { inheritance: { external_customer_ids_to_inherit_subscription: children } }),
      ...(world.commitment && { line_item_commitments: { [priceIds[0] ?? '']: world.commitment } }),
    });
    subscriptionIds.push(subscription.id);
    if (cancelled) {
      clock.set(DateTime.fromISO(cancelled, { zone: 'utc' }));
      await made(api, `/v1/subscriptions/${subscription.id}/cancel`, {
        cancellation_type: 'immediate',
        cancel_immediately_inovice_policy: 'skip',
      });
    }
  }
  const eventsOf = (id: string, events: AnalyticsWorld['events']) =>
    events.map((event, index) => ({
      ...event,
      id: `${id}_${index}`,
      customer: id,
      name: `${customer}.${event.name ?? Object.keys(world.meters)[0]}`,
    }));
  await store(api, [
    ...eventsOf(customer, world.events),
    ...(world.children ?? []).flatMap(({ events }, index) => eventsOf(children[index] ?? '', events)),
  ]);
  clock.set(DateTime.utc(2026, 2, 1));
  return { customer, meterIds, featureIds, subscriptionIds, children };
}

export async function made(api: Pick<TestApi, 'request'>, path: string, body: object): Promise<Answer['body']> {
  const answer = await api.request('POST', path, body);
  expect([path, answer.status < 300 ? '' : answer.text]).toEqual([path, '']);
  return answer.body;
}

/** Stores events as the consumer does after its decision. */
export async function store(api: Pick<TestApi, 'app' | 'ctx'>, sketches: readonly EventSketch[]): Promise<void> {
  const { tenantId, environmentId } = api.ctx;
  for (let from = 0; from < sketches.length; from += 200) {
    const chunk = sketches.slice(from, from + 200);
    await createEventStore(api.app.clickhouse).insert(
      chunk.map((sketch) => ({ ...loggedEvent(sketch), tenantId, environmentId })),
      `test:${chunk[0]?.id}:${chunk.length}`,
    );
  }
}
