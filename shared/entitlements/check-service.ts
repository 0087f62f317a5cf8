import type { DateTime } from 'luxon';
import type { Feature } from '#catalog/domain/feature.ts';
import type { FeatureService } from '#catalog/service/feature.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import type { Count, CounterQuestion } from '#metering/domain/counter.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import type { CounterService } from '#metering/service/counters.ts';
import type { UsageService } from '#metering/service/usage.ts';
import type { Customer } from '#customers/domain.ts';
import { remembering } from '#platform/remembering.ts';
import type { AllowanceWindow } from './domain/allowance-window.ts';
import { checkLimit, type LimitCheck } from './domain/limit.ts';
import type { AggregatedEntitlement } from './domain/merge.ts';
import type { CustomerReference, CustomerRights, EntitlementSummaryService, PlanRights, ReadPlanRights } from './summary-service.ts';
import { inheritedBy, limitWindow, meterOf } from './usage-summary-service.ts';

export interface EntitlementCheckDependencies {
  readonly clock: Clock;
  readonly summaries: Pick<EntitlementSummaryService, 'rightsOf' | 'planRights'>;
  readonly features: Pick<FeatureService, 'getByReference'>;
  readonly counters: Pick<CounterService, 'current'>;
  readonly readUsage: UsageService['meterUsages'];
}
export type EntitlementCheckService = ReturnType<typeof createEntitlementCheckService>;

/** The answer to "may this customer use so much more?", with what it was decided from. */
export interface EntitlementCheck extends LimitCheck {
  readonly customer: Customer;
  readonly feature: Feature;
  readonly quantity: Decimal;
  /** Null when the customer does not have the feature. */
  readonly entitlement: AggregatedEntitlement | null;
  /** Of metered features: what was used in which window, complete up to the watermark. */
  readonly counted: { readonly usage: Decimal; readonly window: AllowanceWindow; readonly watermark: DateTime | null } | null;
}

/** A right that was given or taken away is seen after twice this at most: what plans give is remembered within what customers have. */
const RIGHTS_MS = 1_000;
const REMEMBERED = 10_000;

/** Checks on the way of a request: no aggregation, but for subscriptions that others inherit; one look-up of a counter, and rights that are remembered for a moment. */
export function createEntitlementCheckService({ clock, summaries, features, counters, readUsage }: EntitlementCheckDependencies) {
  const remember = <T>() => remembering<T>(clock, { ttlMs: RIGHTS_MS, max: REMEMBERED });
  const plans = remember<ReadonlyMap<string, PlanRights>>();
  const customers = remember<CustomerRights>();
  // What plans give is remembered apart: many customers have the same ones.
  const planRights: ReadPlanRights = (ctx, planIds) =>
    plans([ctx.tenantId, ctx.environmentId, ...planIds], () => summaries.planRights(ctx, planIds));
  const rightsOf = (ctx: RequestContext, reference: CustomerReference): Promise<CustomerRights> =>
    customers([ctx.tenantId, ctx.environmentId, reference], () => summaries.rightsOf(ctx, reference, null, planRights));

  /** A counter is about one customer. What several use together is read from the usage store, once in a moment. */
  const together = remember<Count>();
  const count = (ctx: RequestContext, question: CounterQuestion, inherited: readonly CustomerSpan[]): Promise<Count> => {
    const { externalCustomerId, meter, window, timezone } = question;
    if (inherited.length === 0) return counters.current(ctx, question);
    return together(
      [ctx.tenantId, ctx.environmentId, externalCustomerId, meter.id, meter.version, window, timezone],
      async () =>
        (await readUsage(ctx, [{ meter, externalCustomerIds: [externalCustomerId], inherited, range: window, timezone }]))[0] as Count,
    );
  };

  return {
    /**
     * Whether the customer may use `quantity` (>= 0, in meter units) more of a feature, named by its id or lookup key.
     * Nothing is reserved: of two checks at once, both may be allowed. Throws NotFound for an unknown customer or feature.
     */
    async check(ctx: RequestContext, reference: CustomerReference, featureReference: string, quantity: Decimal): Promise<EntitlementCheck> {
      const { customer, subscriptions, inherited, summaries: given } = await rightsOf(ctx, reference);
      const summary =
        given.find(({ feature: { feature } }) => feature.id === featureReference) ??
        given.find(({ feature: { feature } }) => feature.lookupKey === featureReference);
      if (summary === undefined) {
        const feature = await features.getByReference(ctx, featureReference);
        return { customer, feature, quantity, entitlement: null, counted: null, ...checkLimit(null, ZERO, quantity) };
      }
      const {
        feature: { feature },
        entitlement,
      } = summary;
      if (entitlement.featureType !== 'metered')
        return { customer, feature, quantity, entitlement, counted: null, ...checkLimit(entitlement, ZERO, quantity) };
      const window = limitWindow(summary, subscriptions, clock.now());
      const { value: usage, watermark } = await count(
        ctx,
        { externalCustomerId: customer.externalId, meter: meterOf(summary), window: window.period, timezone: window.timezone },
        inheritedBy(summary, inherited),
      );
      return {
        customer,
        feature,
        quantity,
        entitlement,
        counted: { usage, window, watermark },
        ...checkLimit(entitlement, usage, quantity),
      };
    },
  };
}
