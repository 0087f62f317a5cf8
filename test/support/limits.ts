import { expect } from 'vitest';
import { RECURRING_PERIODS } from '#kernel/calendar/period.ts';
import { fixedClock } from '#kernel/clock.ts';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import { type Answer, startTestApi, type TestApi, type TestTenant } from './api.ts';
import { type EventSketch, loggedEvent, utc } from './metering.ts';

export interface Limited {
  readonly customerId: string;
  readonly externalId: string;
  readonly planId: string;
  readonly subscriptionId: string;
}
export interface LimitSketch {
  readonly limit?: number | null;
  readonly reset?: string | null;
  readonly soft?: boolean;
  readonly enabled?: boolean;
  readonly type?: string;
  readonly staticValue?: string;
  readonly configValue?: object;
}

/** On March 18, 2026 at 12:00 UTC, of a subscription that runs monthly from January 31 at 10:00: where each reset period began, and when the next begins. */
export const RESET_PERIODS: readonly (readonly [reset: string, start: string, next: string | undefined])[] = [
  ['DAILY', '2026-03-18T00:00:00Z', '2026-03-19T00:00:00Z'],
  ['WEEKLY', '2026-03-16T00:00:00Z', '2026-03-23T00:00:00Z'],
  ['MONTHLY', '2026-02-28T10:00:00Z', '2026-03-31T10:00:00Z'],
  ['QUARTERLY', '2026-01-31T10:00:00Z', '2026-04-30T10:00:00Z'],
  ['HALF_YEARLY', '2026-01-31T10:00:00Z', '2026-07-31T10:00:00Z'],
  ['ANNUAL', '2026-01-31T10:00:00Z', '2027-01-31T10:00:00Z'],
  ['NEVER', '2026-01-31T10:00:00Z', undefined],
];

export interface LimitsApi extends TestApi {
  readonly clock: ReturnType<typeof fixedClock>;
  made(path: string, body: object): Promise<Answer['body']>;
  got(path: string, tenant?: TestTenant): Promise<Answer['body']>;
  /** A metered feature; its events have the lookup key as their name. */
  feature(lookupKey: string, aggregation?: object): Promise<string>;
  plan(rights: Readonly<Record<string, LimitSketch>>): Promise<string>;
  customer(timezone?: string): Promise<{ id: string; externalId: string }>;
  subscribe(customerId: string, planId: string, more?: object): Promise<string>;
  /** A customer with one subscription to a plan of its own. */
  limited(rights: Readonly<Record<string, LimitSketch>>, more?: object, timezone?: string): Promise<Limited>;
  /** Stores events of the tenant as the consumer does. */
  store(events: readonly EventSketch[]): Promise<void>;
}

/** The API on engines of its own, with a clock that stands still, for tests of limits and what is used of them. */
export async function startLimitsApi(now: string): Promise<LimitsApi> {
  const clock = fixedClock(utc(now));
  const api = await startTestApi({ clock, clickhouse: true });
  let sequence = 0;
  const made: LimitsApi['made'] = async (path, body) => {
    const answer = await api.request('POST', path, body);
    expect([path, answer.status < 300 ? '' : answer.text]).toEqual([path, '']);
    return answer.body;
  };
  const limits: LimitsApi = {
    ...api,
    clock,
    made,
    async got(path, tenant = api) {
      const answer = await tenant.request('GET', path);
      expect([path, answer.status, answer.status === 200 ? '' : answer.text]).toEqual([path, 200, '']);
      return answer.body;
    },
    feature: async (lookupKey, aggregation = { type: 'COUNT' }) =>
      (
        await made('/v1/features', {
          name: lookupKey,
          lookup_key: lookupKey,
          type: 'metered',
          meter: { name: lookupKey, event_name: lookupKey, aggregation, reset_usage: 'BILLING_PERIOD' },
        })
      ).id,
    async plan(rights) {
      const { id } = await made('/v1/plans', { name: `Plan ${++sequence}` });
      for (const billing_period of RECURRING_PERIODS) {
        await made('/v1/prices', {
          entity_type: 'PLAN',
          entity_id: id,
          type: 'FIXED',
          billing_model: 'FLAT_FEE',
          billing_period,
          invoice_cadence: 'ADVANCE',
          price_unit_type: 'FIAT',
          amount: '1',
          currency: 'USD',
        });
      }
      for (const [feature_id, { limit, reset, soft = false, enabled = true, type = 'metered', staticValue, configValue }] of Object.entries(
        rights,
      )) {
        await made('/v1/entitlements', {
          entity_type: 'PLAN',
          entity_id: id,
          feature_id,
          feature_type: type,
          is_enabled: enabled,
          static_value: staticValue,
          config_value: configValue,
          ...(type === 'metered'
            ? { usage_limit: limit ?? null, usage_reset_period: reset === undefined ? 'MONTHLY' : reset, is_soft_limit: soft }
            : {}),
        });
      }
      return id;
    },
    async customer(timezone = 'UTC') {
      const externalId = `customer-${++sequence}`;
      return { id: (await made('/v1/customers', { external_id: externalId, name: 'Acme', timezone })).id, externalId };
    },
    subscribe: async (customer_id, plan_id, more = {}) =>
      (
        await made('/v1/subscriptions', {
          customer_id,
          plan_id,
          currency: 'usd',
          billing_period: 'MONTHLY',
          billing_cycle: 'anniversary',
          ...more,
        })
      ).id,
    async limited(rights, more = {}, timezone = 'UTC') {
      const { id, externalId } = await limits.customer(timezone);
      const planId = await limits.plan(rights);
      return { customerId: id, externalId, planId, subscriptionId: await limits.subscribe(id, planId, more) };
    },
    async store(events) {
      const { tenantId, environmentId } = api.ctx;
      await createEventStore(api.app.clickhouse).insert(
        events.map((sketch) => ({ ...loggedEvent(sketch), tenantId, environmentId })),
        `limits:${events.map(({ id }) => id).join()}`,
      );
    },
  };
  return limits;
}
