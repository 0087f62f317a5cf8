import type { DateTime } from 'luxon';
import type { BilledItem, InvoiceBasis } from '#charges/domain/inputs.ts';
import { usageCharge, usageQuestions } from '#charges/domain/usage-charges.ts';
import { earlier, type Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import { snapshotOf } from '#invoicing/service/gather.ts';
import { readUsages } from '#invoicing/service/read-usage.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import type { AnalyticsLine, PricedItem } from '../domain/line.ts';
import type { AnalyticsDependencies } from './dependencies.ts';

/** A line with whom its usage is of. */
export interface OwnedLine {
  readonly line: AnalyticsLine;
  readonly externalCustomerId: string;
}
type PricedLine = OwnedLine & { readonly line: { readonly priced: PricedItem } };

export interface Billable {
  /** By line item, exact and unrounded. Absent where nothing is included: the line is then billed at what it costs. */
  readonly amounts: ReadonlyMap<string, Decimal>;
  /** Null where nothing was read, or nothing is stored. */
  readonly watermark: DateTime | null;
}

/**
 * What an invoice of the range would charge for the lines of which something is included: after entitlements and commitments, by the
 * questions and rules of invoices. However many subscriptions there are, they are read in one go.
 */
export async function billableAmounts(
  dependencies: AnalyticsDependencies,
  ctx: RequestContext,
  lines: readonly OwnedLine[],
  range: Period,
): Promise<Billable> {
  const { readUsage: read, clock } = dependencies;
  const included = await linesWithAllowance(dependencies, ctx, lines);
  if (included.length === 0) return { amounts: new Map(), watermark: null };
  const asOf = clock.now();
  const bases = (await basesOf(dependencies, ctx, included)).map((basis) => ({ ...basis, period: range, asOf }));
  const asked = new Set(included.map(({ line }) => line.priced.item.id));
  const meters = new Map(included.map(({ line }) => [line.meter.id, line.meter]));
  const questions = bases.map((basis) => usageQuestions(basis).filter(({ lineItemId }) => asked.has(lineItemId)));
  const answers = await readUsages(
    read,
    ctx,
    bases.map(({ subscription, externalCustomerId, inherited, items }, index) => ({
      questions: questions[index] ?? [],
      scope: { externalCustomerId, inherited, items, meters, timezone: subscription.timezone },
    })),
  );
  const amounts = new Map<string, Decimal>([...asked].map((id) => [id, ZERO]));
  const marks: DateTime[] = [];
  bases.forEach((basis, index) => {
    const byId = new Map(basis.items.map((billed) => [billed.item.id, billed]));
    questions[index]?.forEach((question, place) => {
      const answer = answers[index]?.[place];
      const billed = byId.get(question.lineItemId);
      if (!answer || !billed) throw new RangeError(`no usage was read for line item ${question.lineItemId}`);
      const { unroundedAmount } = usageCharge(billed, question, answer, basis);
      amounts.set(question.lineItemId, (amounts.get(question.lineItemId) ?? ZERO).plus(unroundedAmount));
      if (answer.whole.watermark !== null) marks.push(answer.whole.watermark);
    });
  });
  return { amounts, watermark: marks.length === 0 ? null : marks.reduce(earlier) };
}

type IncludedLine = PricedLine & { readonly entitlements: BilledItem['entitlements'] };

async function linesWithAllowance(
  { entitlements, features }: AnalyticsDependencies,
  ctx: RequestContext,
  lines: readonly OwnedLine[],
): Promise<IncludedLine[]> {
  const priced = lines.filter((own): own is PricedLine => own.line.priced !== null);
  if (priced.length === 0) return [];
  const given = await entitlements.forSubscriptions(ctx, subscriptionsOf(priced));
  const owners = Map.groupBy(
    await features.everOfMeters(ctx, [...new Set(priced.map(({ line }) => line.meter.id))]),
    ({ meterId }) => meterId ?? '',
  );
  return priced.flatMap((own): IncludedLine[] => {
    const featureIds = new Set(owners.get(own.line.meter.id)?.map(({ id }) => id));
    const sources = (given.get(own.line.priced.subscription.id) ?? []).filter(
      ({ featureType, featureId }) => featureType === 'metered' && featureIds.has(featureId),
    );
    return sources.length === 0 ? [] : [{ ...own, entitlements: sources }];
  });
}

/** One for each subscription: with all lines that bill the same meters, as they share an allowance whether they live in the range or not. */
async function basesOf(
  { subscriptions, prices }: AnalyticsDependencies,
  ctx: RequestContext,
  lines: readonly IncludedLine[],
): Promise<Omit<InvoiceBasis, 'invoiced' | 'period' | 'asOf'>[]> {
  const views = await subscriptions.viewsOf(ctx, subscriptionsOf(lines), { items: true, prices: true, customer: false, plan: false });
  const bySubscription = Map.groupBy(lines, ({ line }) => line.priced.subscription.id);
  const bucketPrices = new Map(
    (
      await prices.getMany(ctx, [
        ...new Set(
          views.flatMap(({ items }) => (items ?? []).flatMap(({ item }) => item.commitmentTimeBuckets.map(({ priceId }) => priceId))),
        ),
      ])
    ).map((price) => [price.id, price]),
  );
  return views.flatMap(({ subscription, items }) => {
    const own = bySubscription.get(subscription.id) ?? [];
    const [first] = own;
    if (first === undefined) return [];
    const byMeter = new Map(own.map((each) => [each.line.meter.id, each]));
    return {
      subscription,
      externalCustomerId: first.externalCustomerId,
      inherited: first.line.inherited,
      referencePoint: 'cancel' as const,
      items: (items ?? []).flatMap(({ item, price }): BilledItem[] => {
        const same = byMeter.get(item.meterId ?? '');
        if (same === undefined) return [];
        // What cannot be read fails the request; it is never shown as nothing (metering.md Q4).
        if (!price) throw new Error(`price ${item.priceId} of line item ${item.id} is gone`);
        return [
          {
            item,
            price,
            bucketPrices: item.commitmentTimeBuckets.flatMap(({ priceId }) => bucketPrices.get(priceId) ?? []),
            meter: snapshotOf(same.line.meter),
            entitlements: same.entitlements,
          },
        ];
      }),
    };
  });
}

function subscriptionsOf(lines: readonly PricedLine[]): Subscription[] {
  return [...new Map(lines.map(({ line: { priced } }) => [priced.subscription.id, priced.subscription])).values()];
}
