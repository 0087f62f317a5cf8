import type { Engines } from '#module/engines.ts';
import { lazy } from '#module/lazy.ts';
import { defineModule } from '#module/declaration.ts';
import type { CustomerService } from '#customers/service.ts';
import type { EventAccounts } from '#ingestion/service/event-accounts.ts';
import type { InFlight } from '#ingestion/service/in-flight.ts';
import { entities } from './permissions.ts';
import type { ChargesOf } from './routes/trace.ts';
import { createEventService } from './service/events.ts';
import { createGroupedUsageService } from './service/grouped-usage.ts';
import { createMeterService } from './service/meters.ts';
import { createMeterPreviewService, type OpenPeriod } from './service/preview.ts';
import { createUnmeteredEventService } from './service/unmetered-events.ts';
import { createUsageService } from './service/usage.ts';

interface Needs extends Engines {
  readonly customers: CustomerService;
  readonly inFlight: InFlight;
  readonly eventAccounts: EventAccounts;
  /** Of whoever knows subscriptions. */
  readonly openPeriods: { readonly openPeriod: OpenPeriod };
  /** Of whoever knows prices: for the look-up of an event. */
  readonly chargesOfEvent: ChargesOf;
}

/** Meters, and what was used by them: every question about stored events. */
export const metering = defineModule({
  name: 'metering',
  entities,
  build: (app: Needs) => {
    const meters = lazy(() => createMeterService(app));
    return {
      meters,
      usage: () => createUsageService({ clickhouse: app.clickhouse, clock: app.clock, customers: app.customers, meters: meters() }),
      groupedUsage: () => createGroupedUsageService(app),
      unmeteredEvents: () => createUnmeteredEventService({ clickhouse: () => app.clickhouse }),
      meterPreviews: () =>
        createMeterPreviewService({
          clickhouse: app.clickhouse,
          clock: app.clock,
          meters: meters(),
          openPeriod: (...asked) => app.openPeriods.openPeriod(...asked),
        }),
      events: () =>
        createEventService({
          clickhouse: app.clickhouse,
          accounts: app.eventAccounts,
          clock: app.clock,
          inFlight: app.inFlight,
          meters: meters(),
          customers: app.customers,
        }),
    };
  },
  routes: (app) => [
    { prefix: '/v1/meters', load: async () => (await import('./routes/meters.ts')).meterRoutes(app().meters) },
    { prefix: '/v1/meters', load: async () => (await import('./routes/meter-preview.ts')).meterPreviewRoutes(() => app().meterPreviews) },
    {
      prefix: '/v1/events',
      load: async () => (await import('./routes/events.ts')).eventRoutes(app().events, (...lookup) => app().chargesOfEvent(...lookup)),
    },
    { prefix: '/v1/events', load: async () => (await import('./routes/usage.ts')).usageRoutes(app().usage) },
  ],
});
