import type { App } from '#app';
import { firstEventsOf } from '#metering/domain/summary.ts';
import { startFollowUpConsumer } from '#metering/service/follow-up-consumer.ts';
import type { Subscription } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';

/** What follows from stored events: unknown customers are onboarded and, where the deployment wants it, rejected events told of. */
export async function startFollowUp({ app, logger }: { readonly app: App; readonly logger: EventLogLogger }): Promise<Subscription> {
  const { onboarding, rejections, config } = app;
  return startFollowUpConsumer({
    eventLog: await app.eventLog,
    logger,
    followers: {
      onboarding: (ctx, summaries) =>
        onboarding.notice(
          ctx,
          summaries.flatMap(({ customers }) => customers.map(({ externalCustomerId }) => externalCustomerId)),
          firstEventsOf(summaries),
        ),
      ...(config.webhooks.event_rejected_enabled ? { rejections: (ctx, summaries) => rejections.notice(ctx, summaries) } : {}),
    },
  });
}
