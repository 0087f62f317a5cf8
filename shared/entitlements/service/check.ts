import type { DateTime } from 'luxon';
import type { Feature } from '#catalog/domain/feature.ts';
import type { FeatureService } from '#catalog/service/feature.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import type { Count, CounterQuestion } from '#counters/domain/counter.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import type { CounterService } from '#counters/service/counters.ts';
import type { UsageService } from '#metering/service/usage.ts';
import type { Customer } from '#customers/domain.ts';
import { remembering } from '#platform/remembering.ts';
import type { AllowanceWindow } from '../domain/allowance-window.ts';
import { checkLimit, checkShares, type LimitCheck } from '../domain/limit.ts';
import type { AggregatedEntitlement } from '../domain/merge.ts';
import type { CustomerReference, CustomerRights, EntitlementSummaryService, PlanRights, ReadPlanRights } from './summary.ts';
import { type CountedWindow, commonWindow, meterOf, sharesOf, type UsedShare } from './usage.ts';

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
  readonly counted: {
    readonly usage: Decimal;
    readonly window: AllowanceWindow;
    readonly watermark: DateTime | null;
    /** Where several subscriptions give the feature: what was used of the allowance of each. */
    readonly used: readonly UsedShare[];
  } | null;
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
      const { customer, inherited, summaries: given } = await rightsOf(ctx, reference);
      const summary =
        given.find(({ feature }) => feature.id === featureReference) ?? given.find(({ feature }) => feature.lookupKey === featureReference);
      if (summary === undefined) {
        const feature = await features.getByReference(ctx, featureReference);
        return { customer, feature, quantity, entitlement: null, counted: null, ...checkLimit(null, ZERO, quantity) };
      }
      const { feature, entitlement } = summary;
      if (entitlement.featureType !== 'metered')
        return { customer, feature, quantity, entitlement, counted: null, ...checkLimit(entitlement, ZERO, quantity) };
      const now = clock.now();
      const meter = meterOf(summary);
      const shares = sharesOf(summary, inherited, now);
      const counts = new Map<string, Promise<Count>>();
      const counting = ({ period, timezone, inherited: besides }: CountedWindow): Promise<Count> => {
        const key = JSON.stringify([period, timezone, besides]);
        const count_ = counts.get(key) ?? count(ctx, { externalCustomerId: customer.externalId, meter, window: period, timezone }, besides);
        counts.set(key, count_);
        return count_;
      };
      const window = commonWindow(summary, shares, now);
      const { value: usage, watermark } = await counting(window);
      const used = await Promise.all(
        shares.map(async (share): Promise<UsedShare> => ({ ...share, usage: (await counting(share.counted)).value })),
      );
      const checks = used.map((share) => checkLimit(termsOf(share, entitlement), share.usage, quantity));
      return {
        customer,
        feature,
        quantity,
        entitlement,
        counted: { usage, window, watermark, used: used.length > 1 ? used : [] },
        ...checkShares(checks as [LimitCheck, ...LimitCheck[]]),
      };
    },
  };
}

/** A share as a limit of its own: what is soft for one subscription is not for another. */
function termsOf(
  { entitlement: own, limit }: UsedShare,
  { featureType, isEnabled }: AggregatedEntitlement,
): Parameters<typeof checkLimit>[0] {
  return { featureType, isEnabled, usageLimit: limit, isSoftLimit: own?.isSoftLimit ?? false };
}
