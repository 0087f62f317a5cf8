import { DateTime } from 'luxon';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { followUp } from '#app/followers.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import type { Subscription } from '#platform/event-log/event-log.ts';
import { cases } from '../support/conformance.ts';
import { superuser } from '../support/engines.ts';
import { followedUp, outboxOf } from '../support/follow-up.ts';
import { type MeteringApi, startMeteringApi } from '../support/metering-api.ts';

// When an event that no meter took is told of (metering.md 1.6, E38): from the request that brings it to the change that is published.

interface Sent {
  readonly name: string;
  readonly properties?: object;
}
interface Given {
  readonly enabled: boolean;
  readonly throttle: 'available' | 'unavailable';
  readonly meters?: readonly { readonly name: string; readonly filters?: readonly object[]; readonly field?: string }[];
  readonly sends: readonly { readonly after_seconds?: number; readonly events: readonly Sent[] }[];
}

const NOW = DateTime.utc(2026, 3, 15, 12);
const apis = new Map<boolean, { api: MeteringApi; following: Subscription; database: pg.Client }>();

beforeAll(async () => {
  for (const enabled of [false, true]) {
    const api = await startMeteringApi(NOW, { FLEXPRICE_WEBHOOKS_EVENT_REJECTED_ENABLED: String(enabled) });
    const database = new pg.Client(superuser(api.config.postgres.database));
    await database.connect();
    apis.set(enabled, { api, following: await followUp(api.app)({ eventLog: await api.app.eventLog, logger: silentLogger }), database });
  }
});
afterAll(async () => {
  for (const { api, following, database } of apis.values()) {
    await following.stop();
    await database.end();
    await api.close();
  }
});

test.each(cases<Given, string[][]>('rejected-events.json', 'rejected'))(
  '$id',
  async ({ id, given: { enabled, throttle, meters = [], sends }, expected }) => {
    const { api, database } = apis.get(enabled) as { api: MeteringApi; database: pg.Client };
    const tenant = await api.tenant(id);
    for (const { name, filters = [], field } of meters) {
      const aggregation = field === undefined ? { type: 'COUNT' } : { type: 'SUM', field };
      expect(
        (await tenant.request('POST', '/v1/meters', { name, event_name: name, aggregation, filters, reset_usage: 'BILLING_PERIOD' }))
          .status,
      ).toBe(201);
    }
    if (throttle === 'unavailable') await database.query('revoke insert on rejected_event_windows from flexprice_app');
    try {
      let told = 0;
      for (const [index, { after_seconds = 0, events }] of sends.entries()) {
        api.clock.set(api.clock.now().plus({ seconds: after_seconds }));
        await api.store(
          `customer of ${id}`,
          events.map(({ name, properties }, number) => ({
            id: `${id}-${index}-${number}`,
            at: '2026-03-15T11:00:00Z',
            name,
            ...(properties && { properties }),
          })),
          tenant,
        );
        await followedUp(api.app);
        const rows = await outboxOf(api.app, tenant.ctx, 'event.rejected');
        const said = rows
          .slice(told)
          .map(({ payload }) => payload as { event_type: string; reason: string; event: { id: string; event_name: string } });
        told = rows.length;
        expect(said.map(({ event, reason }) => `${event.event_name} ${reason}`).sort()).toEqual(expected[index]);
        // Each of them another event, and one of those that were just sent.
        expect(new Set(said.map(({ event }) => event.id)).size).toBe(said.length);
        for (const { event, event_type } of said)
          expect([event_type, event.id]).toEqual(['event.rejected', expect.stringContaining(`${id}-${index}-`)]);
      }
    } finally {
      await database.query('grant insert on rejected_event_windows to flexprice_app');
    }
  },
);
