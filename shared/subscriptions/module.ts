import type { Engines } from '#module/engines.ts';
import { lazy } from '#module/lazy.ts';
import { defineModule } from '#module/declaration.ts';
import { PLAN, type PlanService } from '#catalog/service/plan.ts';
import type { PriceService } from '#catalog/service/price.ts';
import { CUSTOMER, type CustomerService } from '#customers/service.ts';
import { METER, type MeterService } from '#metering/service/meters.ts';
import { guard } from '#platform/resource/guards.ts';
import { entities } from './permissions.ts';
import type { SubscriptionInvoicing } from './service/dependencies.ts';
import { createCustomersSubscriptions } from './service/portal.ts';
import { createSubscriptionService } from './service/subscription.ts';

interface Needs extends Engines {
  readonly customers: CustomerService;
  readonly plans: PlanService;
  readonly prices: PriceService;
  readonly meters: MeterService;
  readonly invoicing: SubscriptionInvoicing;
}

/** What was agreed with a customer, and its billing periods. */
export const subscriptions = defineModule({
  name: 'subscriptions',
  entities,
  build: (app: Needs) => {
    const subscriptions = lazy(() =>
      createSubscriptionService({
        database: app.database,
        clock: app.clock,
        customers: app.customers,
        plans: app.plans,
        prices: app.prices,
        meters: app.meters,
        logger: app.logger,
        invoicing: {
          open: (...created) => app.invoicing.open(...created),
          draft: (...closed) => app.invoicing.draft(...closed),
          settle: (...drafted) => app.invoicing.settle(...drafted),
        },
      }),
    );
    return { subscriptions, openPeriods: subscriptions };
  },
  routes: (app) => [
    {
      prefix: '/v1/subscriptions',
      load: async () => (await import('./routes/subscriptions.ts')).subscriptionRoutes(app().subscriptions),
    },
  ],
  portalRoutes: (app) => [
    {
      prefix: '/v1/customer/portal',
      load: async () => (await import('./routes/portal.ts')).portalSubscriptionRoutes(createCustomersSubscriptions(app().subscriptions)),
    },
  ],
  guards: ({ subscriptions }) => [
    // Usage is found under the external id: whoever had it next would have the usage, too.
    guard(CUSTOMER, ['delete', 'rename'], 'subscription', async (tx, id) =>
      (await subscriptions.hasRunning(tx, id)) ? 'has a subscription that still runs: cancel it first' : null,
    ),
    guard(METER, ['delete'], 'subscription', async (tx, id) =>
      (await subscriptions.isMeterBilled(tx, id))
        ? 'is billed by a subscription that still runs: cancel it first, or disable the meter'
        : null,
    ),
    guard(PLAN, ['delete'], 'subscription', async (tx, id) =>
      (await subscriptions.isPlanInUse(tx, id)) ? 'has active subscriptions: cancel them first' : null,
    ),
  ],
});
