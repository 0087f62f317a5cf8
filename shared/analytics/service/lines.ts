import type { Plan } from '#catalog/domain/plan.ts';
import { clampPeriod, type Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import type { SubscriptionView } from '#subscriptions/service/views.ts';
import { type AnalyticsLine, livedPeriod, type PricedItem } from '../domain/line.ts';
import type { AnalyticsDependencies } from './dependencies.ts';
import { type Parent, parentsOf, subscribedLines } from './subscribed.ts';

/** Which usage is asked about; null: all that there is. */
export interface LineScope {
  readonly externalCustomerId: string;
  readonly featureIds: readonly string[] | null;
  readonly meterIds: readonly string[] | null;
  readonly range: Period;
  /** With the usage of those who inherit the customer's subscriptions. */
  readonly includeChildren: boolean;
}

export interface GatheredLines {
  readonly lines: readonly AnalyticsLine[];
  readonly plans: ReadonlyMap<string, Plan>;
}

/** Subscriptions whose usage is reported (metering.md 6.2). */
export const REPORTED = ['active', 'trialing', 'paused', 'cancelled'] as const;
const NO_CHILDREN: ReadonlyMap<string, readonly CustomerSpan[]> = new Map();
/** Meters of a customer without a subscription that one answer holds. */
const MAX_METERS = 100;

/**
 * What a customer's usage is reported by: the usage lines of its subscriptions, each within its own dates (metering.md 6.2), and the
 * meters of those that it inherits, without a cost, because their parents pay. For somebody without a subscription: the meters that
 * were asked for, or those that its events in the range may count for.
 */
export async function gatherLines(dependencies: AnalyticsDependencies, ctx: RequestContext, scope: LineScope): Promise<GatheredLines> {
  const { database, customers, plans } = dependencies;
  const gathered = await database.withTenant(ctx, async (tx) => {
    const inside = { ...ctx, transaction: tx };
    const [customer] = await customers.findByExternalIds(inside, [scope.externalCustomerId]);
    const timezone = customer?.timezone ?? 'UTC';
    const views = customer ? await subscribedLines(inside, dependencies, customer.id, REPORTED) : [];
    if (views.length === 0) return { timezone };
    const paid = await linesOf(dependencies, inside, scope, views);
    const parents = await parentsOf(inside, dependencies, views);
    const parentLines = await linesOf(
      dependencies,
      inside,
      { ...scope, includeChildren: false },
      parents.map(({ view }) => view),
    );
    const lines = [...paid, ...paidByParents(parentLines, parents, paid, scope.range, timezone)];
    const planIds = lines.flatMap(({ priced }) => (priced?.item.entityType === 'plan' ? [priced.item.entityId] : []));
    return { lines, plans: new Map((await plans.getMany(inside, [...new Set(planIds)])).map((plan) => [plan.id, plan])) };
  });
  if (gathered.lines) return gathered;
  // Not inside of the transaction: another engine may be asked which events there are.
  return { lines: await metersAlone(dependencies, ctx, scope, gathered.timezone), plans: new Map() };
}

/** Usage that a customer's parents pay for: each meter of each subscription that is inherited, but for what the customer pays for itself. */
function paidByParents(
  lines: readonly AnalyticsLine[],
  parents: readonly Parent[],
  paid: readonly AnalyticsLine[],
  range: Period,
  timezone: string,
): AnalyticsLine[] {
  const paidItself = new Set(paid.map(({ meter }) => meter.id));
  return parents.flatMap(({ view, span }) => {
    const period = clampPeriod({ startDate: span.start, endDate: span.end }, range);
    if (period === null) return [];
    const own = lines.filter(({ meter, priced }) => priced?.subscription.id === view.subscription.id && !paidItself.has(meter.id));
    return [...new Map(own.map((line) => [line.meter.id, line])).values()].map(
      (line): AnalyticsLine => ({ ...line, priced: null, period, timezone }),
    );
  });
}

/** The usage lines of subscriptions that live in the range and that were asked for. */
export async function linesOf(
  dependencies: AnalyticsDependencies,
  ctx: RequestContext,
  scope: Omit<LineScope, 'externalCustomerId'>,
  views: readonly SubscriptionView[],
): Promise<AnalyticsLine[]> {
  const { prices, meters, features, subscriptions } = dependencies;
  const inherited = scope.includeChildren
    ? await subscriptions.inheritedOf(
        ctx,
        views.map(({ subscription }) => subscription),
      )
    : NO_CHILDREN;
  const items = views
    .flatMap(({ subscription, items: own }) => (own ?? []).map((line) => ({ subscription, ...line })))
    .filter(({ item }) => item.priceType === 'USAGE' && item.meterId !== null)
    .flatMap((line) => {
      const period = livedPeriod(line.item, line.subscription, scope.range);
      return period === null ? [] : [{ ...line, period }];
    });
  const meterIds = [...new Set(items.flatMap(({ item }) => item.meterId ?? []))];
  const metersById = new Map((await meters.getMany(ctx, meterIds)).map((meter) => [meter.id, meter]));
  const featuresByMeter = new Map((await features.ofMeters(ctx, meterIds)).map((feature) => [feature.meterId, feature]));
  const bucketPrices = await prices.getMany(ctx, [
    ...new Set(items.flatMap(({ item }) => item.commitmentTimeBuckets.map(({ priceId }) => priceId))),
  ]);
  return items
    .map(({ subscription, item, price, period }): AnalyticsLine => {
      const meter = metersById.get(item.meterId ?? '');
      // A line that cannot be read fails the request; it is never shown as nothing (metering.md Q4).
      if (!meter) throw new Error(`meter ${item.meterId} of line item ${item.id} is gone`);
      if (!price) throw new Error(`price ${item.priceId} of line item ${item.id} is gone`);
      const priced: PricedItem = { subscription, item, price, bucketPrices };
      return {
        meter,
        feature: featuresByMeter.get(meter.id) ?? null,
        priced,
        inherited: inherited.get(subscription.id) ?? [],
        period,
        timezone: subscription.timezone,
      };
    })
    .filter((line) => isAskedFor(line, scope));
}

function isAskedFor({ meter, feature }: AnalyticsLine, { featureIds, meterIds }: Omit<LineScope, 'externalCustomerId'>): boolean {
  return (
    (featureIds === null || (feature !== null && featureIds.includes(feature.id))) && (meterIds === null || meterIds.includes(meter.id))
  );
}

async function metersAlone(
  dependencies: AnalyticsDependencies,
  ctx: RequestContext,
  scope: LineScope,
  timezone: string,
): Promise<AnalyticsLine[]> {
  if (!(scope.range.start < scope.range.end)) return [];
  const found = await askedMeters(dependencies, ctx, scope);
  const features = new Map(
    (
      await dependencies.features.ofMeters(
        ctx,
        found.map(({ id }) => id),
      )
    ).map((feature) => [feature.meterId, feature]),
  );
  return found
    .map(
      (meter): AnalyticsLine => ({
        meter,
        feature: features.get(meter.id) ?? null,
        priced: null,
        inherited: [],
        period: scope.range,
        timezone,
      }),
    )
    .filter((line) => isAskedFor(line, scope))
    .slice(0, MAX_METERS);
}

async function askedMeters(
  { meters, features, usage }: AnalyticsDependencies,
  ctx: RequestContext,
  { externalCustomerId, featureIds, meterIds, range }: LineScope,
): Promise<Meter[]> {
  if (meterIds !== null) return meters.getMany(ctx, meterIds);
  if (featureIds !== null) return (await features.getMany(ctx, featureIds)).flatMap(({ meter }) => meter ?? []);
  return meters.forEventNames(ctx, await usage.eventNames(ctx, externalCustomerId, range, MAX_METERS));
}
