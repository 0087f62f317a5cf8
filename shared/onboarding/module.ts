import type { Engines } from '#module/engines.ts';
import { lazy } from '#module/lazy.ts';
import { defineModule } from '#module/declaration.ts';
import type { PlanService } from '#catalog/service/plan.ts';
import type { CustomerService } from '#customers/service.ts';
import { firstEventsOf } from '#kernel/stored-summary.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { UnmeteredEventService } from '#metering/service/unmetered-events.ts';
import type { SettingService } from '#settings/service.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';
import { onboardingJobs } from './jobs/jobs.ts';
import { createOnboardingActivities } from './service/activities.ts';
import { createOnboardingService } from './service/onboarding.ts';
import { createRejectionService } from './service/rejections.ts';

interface Needs extends Engines {
  readonly settings: SettingService;
  readonly customers: CustomerService;
  readonly plans: PlanService;
  readonly subscriptions: SubscriptionService;
  readonly meters: MeterService;
  readonly unmeteredEvents: UnmeteredEventService;
}

/** What follows from events of customers and names that nobody made: customers are onboarded, and who asked for it is told. */
export const onboarding = defineModule({
  name: 'onboarding',
  settings: async () => (await import('./settings.ts')).settingDefinitions,
  build: (app: Needs) => {
    const onboarding = lazy(() =>
      createOnboardingService({
        database: app.database,
        clock: app.clock,
        settings: app.settings,
        customers: app.customers,
        findPlanId: async (ctx, lookupKey) => (await app.plans.findByLookupKey(ctx, lookupKey))?.id ?? null,
        // The schemas of the wire are loaded when there is something to read.
        subscribe: async (ctx, body) =>
          app.subscriptions.create(ctx, (await import('#subscriptions/routes/creation-from-wire.ts')).parseCreation(body)),
      }),
    );
    return {
      onboarding,
      onboardingActivities: () => createOnboardingActivities(onboarding),
      rejections: () =>
        createRejectionService({
          database: app.database,
          clock: app.clock,
          logger: app.logger,
          meters: app.meters,
          unmetered: app.unmeteredEvents,
          windowSeconds: app.config.webhooks.event_rejected_window_seconds,
        }),
    };
  },
  jobs: onboardingJobs,
  followers: ({ config, onboarding, rejections }) => ({
    onboarding: (ctx, summaries) =>
      onboarding.notice(
        ctx,
        summaries.flatMap(({ customers }) => customers.map(({ externalCustomerId }) => externalCustomerId)),
        firstEventsOf(summaries),
      ),
    ...(config.webhooks.event_rejected_enabled ? { rejections: (ctx, summaries) => rejections.notice(ctx, summaries) } : {}),
  }),
});
