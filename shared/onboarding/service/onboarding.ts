import { LRUCache } from 'lru-cache';
import type { DateTime } from 'luxon';
import type { CustomerService } from '#customers/service.ts';
import { chunksOf } from '#kernel/chunks.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { notFound } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { wireTime } from '#kernel/wire.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { publish } from '#platform/resource/publish.ts';
import { remembering } from '#platform/remembering.ts';
import { enqueueJob } from '#platform/workflows/enqueue.ts';
import { ONBOARDING_ACTIONS, type OnboardingAction } from '../domain/setting.ts';
import type { SettingService } from '#settings/service.ts';
import { isOnboarding, type Onboarding, START_AGAIN_AFTER, startOf } from '../domain/onboarding.ts';
import { CUSTOMER_ONBOARDING } from '../jobs/customer-onboarding.ts';
import { onboardingEvents } from '../events.ts';
import { onboardingRepository } from '../repository/onboardings.ts';

export interface OnboardingDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly settings: Pick<SettingService, 'valueOf'>;
  readonly customers: Pick<CustomerService, 'ensure'>;
  /** The id of the plan with a lookup key; null when there is none. */
  readonly findPlanId: (ctx: RequestContext, lookupKey: string) => Promise<string | null>;
  /** Creates a subscription as a request with this body would. */
  readonly subscribe: (ctx: RequestContext, body: Readonly<Record<string, unknown>>) => Promise<unknown>;
}
/** The earliest timestamps of events, by external id. */
export type FirstEvents = ReadonlyMap<string, DateTime>;
export type OnboardingService = ReturnType<typeof createOnboardingService>;

/** A setting that was changed is followed so much later, at most. */
const SETTING_MS = 10_000;
const ENVIRONMENTS = 10_000;
/** External ids of which it is known that nothing is to be started, and for how long: a customer may be deleted, a failed run be due again. */
const SETTLED = 100_000;
const SETTLED_MS = 300_000;
const PER_LOOKUP = 1_000;

/** Customers that are made because events name them (metering.md 1.5). */
export function createOnboardingService({ database, clock, settings, customers, findPlanId, subscribe }: OnboardingDependencies) {
  const actionsOf = remembering<readonly OnboardingAction[]>(clock, { ttlMs: SETTING_MS, max: ENVIRONMENTS });
  const settled = new LRUCache<string, true>({
    max: SETTLED,
    ttl: SETTLED_MS,
    ttlResolution: 0,
    perf: { now: () => clock.now().toMillis() },
  });
  const keyOf = ({ tenantId, environmentId }: RequestContext, externalId: string): string =>
    JSON.stringify([tenantId, environmentId, externalId]);

  /** The rows and the starts of their jobs are one transaction: after a crash there are both, or the batch comes again and makes both. */
  const start = async (
    tx: TenantTransaction,
    { tenantId, environmentId }: RequestContext,
    externalIds: readonly string[],
    firstEvents: FirstEvents,
    actions: readonly OnboardingAction[],
  ): Promise<Onboarding[]> => {
    const now = clock.now();
    const claimed = await onboardingRepository.claim(
      tx,
      externalIds.map((externalCustomerId) => ({
        id: newId('onboarding', clock),
        externalCustomerId,
        actions,
        startsAt: startOf(firstEvents.get(externalCustomerId) ?? null, now),
        createdAt: now,
      })),
      now.minus(START_AGAIN_AFTER),
    );
    for (const { id } of claimed) {
      await enqueueJob(tx, clock, {
        job: CUSTOMER_ONBOARDING.name,
        workflowId: `${CUSTOMER_ONBOARDING.name}-${id}`,
        input: { tenantId, environmentId, onboardingId: id },
      });
    }
    return claimed;
  };

  const perform = async (ctx: RequestContext, { externalCustomerId, startsAt }: Onboarding, action: OnboardingAction): Promise<void> => {
    if (action.action === 'create_customer') return customers.ensure(ctx, { externalId: externalCustomerId, name: externalCustomerId });
    const { action: _, plan_lookup_key: lookupKey, ...terms } = action;
    const planId = terms.plan_id ?? (await findPlanId(ctx, lookupKey ?? ''));
    if (planId === null) throw notFound('plan', lookupKey ?? '');
    await subscribe(ctx, { ...terms, plan_id: planId, external_customer_id: externalCustomerId, start_date: wireTime(startsAt) });
  };

  return {
    /**
     * Events of these external ids were stored: starts what the tenant wants for those that are no customers yet, each once, however often
     * it is called. `firstEvents` says when their events begin, where that is known. Answers how many were started. Where nothing is wanted, it costs a look-up of the setting every few seconds.
     */
    async notice(ctx: RequestContext, externalIds: readonly string[], firstEvents: FirstEvents = new Map()): Promise<number> {
      const actions = await actionsOf(
        [ctx.tenantId, ctx.environmentId],
        async () => (await settings.valueOf(ctx, ONBOARDING_ACTIONS)).actions,
      );
      if (!isOnboarding(actions)) return 0;
      const unsettled = [...new Set(externalIds)].filter((externalId) => !settled.has(keyOf(ctx, externalId)));
      let started = 0;
      for (const asked of chunksOf(unsettled, PER_LOOKUP)) {
        started += await database.withTenant(ctx, async (tx) => {
          const open = await onboardingRepository.open(tx, asked, clock.now().minus(START_AGAIN_AFTER));
          return open.length === 0 ? 0 : (await start(tx, ctx, open, firstEvents, actions)).length;
        });
        for (const externalId of asked) settled.set(keyOf(ctx, externalId), true);
      }
      return started;
    },

    /** Does the next action and counts it, in one transaction; answers how many are left. Throws what the action throws. */
    step: (ctx: RequestContext, id: string): Promise<{ left: number }> =>
      database.withTenant(ctx, async (tx) => {
        const onboarding = await onboardingRepository.lock(tx, id);
        const { actions, stepsDone } = onboarding;
        const action = actions[stepsDone];
        if (action !== undefined) await perform({ ...ctx, transaction: tx }, onboarding, action);
        const done = Math.min(stepsDone + 1, actions.length);
        await onboardingRepository.update(tx, id, {
          stepsDone: done,
          runStatus: done === actions.length ? 'completed' : 'pending',
          failureReason: null,
          updatedAt: clock.now(),
        });
        return { left: actions.length - done };
      }),

    /** Notes why the run has ended; nothing when that is noted, or the run was completed after all. */
    fail: (ctx: RequestContext, id: string, reason: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        const { runStatus, externalCustomerId, stepsDone } = await onboardingRepository.lock(tx, id);
        if (runStatus !== 'pending') return;
        const failureReason = reason.slice(0, 500);
        await onboardingRepository.update(tx, id, { runStatus: 'failed', failureReason, updatedAt: clock.now() });
        await publish(tx, clock, onboardingEvents.failed, { id, externalCustomerId, stepsDone, reason: failureReason });
      }),
  };
}
