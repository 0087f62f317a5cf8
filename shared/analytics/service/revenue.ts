import type { DateTime } from 'luxon';
import { earlier, type Period } from '#kernel/calendar/period.ts';
import { chunksOf } from '#kernel/chunks.ts';
import type { RequestContext } from '#kernel/context.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import { MAX_GROUPS, OVER_CUSTOMERS } from '#metering/domain/grouped-usage.ts';
import type { PropertyFilter } from '#metering/domain/meter.ts';
import type { GroupedUsageRequest } from '#metering/service/grouped-usage.ts';
import { costGroup, NO_USAGE } from '../domain/cost.ts';
import { type AnalyticsView, needsBuckets } from '../domain/line.ts';
import { type Billable, billableAmounts, type OwnedLine } from './billable.ts';
import type { AnalyticsDependencies } from './dependencies.ts';
import { linesOf, REPORTED } from './lines.ts';
import { subscribedLines } from './subscribed.ts';

/** Whose usage is charged, and what of it; null: everybody's, and all. */
export interface RevenueScope {
  readonly externalCustomerId: string | null;
  /** With the usage of those who inherit the customer's subscriptions. Where everybody's is asked for, they are in anyway. */
  readonly includeChildren: boolean;
  readonly featureIds: readonly string[] | null;
  readonly range: Period;
  readonly filters: readonly PropertyFilter[];
}

export interface Revenue {
  /** By currency, exact and unrounded. */
  readonly amounts: ReadonlyMap<string, Decimal>;
  readonly watermark: DateTime | null;
}

interface Question {
  readonly request: GroupedUsageRequest;
  readonly lines: readonly OwnedLine[];
}

const NOTHING_INCLUDED: Billable = { amounts: new Map(), watermark: null };

/**
 * What usage is charged at: the sum of `billable_cost` that `POST /v1/events/analytics` answers for each customer. Lines that ask the
 * same of the same range are one question, whoever they belong to, so that statements do not grow with customers; where something is
 * included each line has its own. A subscription that
 * others inherit is charged for all of them as one, as it is invoiced, where they are asked for with its customer or everybody is.
 */
export async function usageRevenue(dependencies: AnalyticsDependencies, ctx: RequestContext, scope: RevenueScope): Promise<Revenue> {
  const view: AnalyticsView = { windowSize: null, anchor: null, commitments: scope.filters.length === 0, asOf: dependencies.clock.now() };
  const lines = await dependencies.database.withTenant(ctx, (tx) => chargedLines(dependencies, { ...ctx, transaction: tx }, scope));
  // An allowance is about all usage of a meter: of a part of it, nobody can say what is free.
  const billable = scope.filters.length === 0 ? await billableAmounts(dependencies, ctx, lines, scope.range) : NOTHING_INCLUDED;
  const questions = questionsOf(
    lines.filter(({ line }) => !billable.amounts.has(line.priced?.item.id ?? '')),
    scope,
    view,
  );
  const { usages, watermark } = await dependencies.usage.usages(
    ctx,
    scope.externalCustomerId,
    questions.map(({ request }) => request),
    OVER_CUSTOMERS,
  );
  const amounts = new Map<string, Decimal>();
  questions.forEach((question, index) => {
    const groups = usages[index]?.groups ?? [];
    const isOne = question.request.keys.length === 0;
    const used = new Map(groups.map((group) => [group.values[0] ?? '', group]));
    for (const { line, externalCustomerId } of question.lines) {
      const currency = line.priced?.item.currency ?? '';
      const { cost } = costGroup(line, (isOne ? groups[0] : used.get(externalCustomerId)) ?? NO_USAGE, view);
      amounts.set(currency, (amounts.get(currency) ?? ZERO).plus(cost?.amount ?? ZERO));
    }
  });
  for (const { line } of lines) {
    const amount = billable.amounts.get(line.priced?.item.id ?? '');
    const currency = line.priced?.item.currency ?? '';
    if (amount !== undefined) amounts.set(currency, (amounts.get(currency) ?? ZERO).plus(amount));
  }
  const marks = [watermark, billable.watermark].filter((mark) => mark !== null);
  return { amounts, watermark: marks.length === 0 ? null : marks.reduce(earlier) };
}

async function chargedLines(
  dependencies: AnalyticsDependencies,
  ctx: RequestContext,
  { externalCustomerId, includeChildren, ...scope }: RevenueScope,
): Promise<OwnedLine[]> {
  const { customers } = dependencies;
  const named = externalCustomerId === null ? null : (await customers.findByExternalIds(ctx, [externalCustomerId]))[0];
  if (named === undefined) return [];
  const lines = await linesOf(
    dependencies,
    ctx,
    { ...scope, meterIds: null, includeChildren: includeChildren || named === null },
    await subscribedLines(ctx, dependencies, named?.id ?? null, REPORTED),
  );
  const owners = await customers.getMany(ctx, [...new Set(lines.flatMap(({ priced }) => priced?.subscription.customerId ?? []))]);
  const externalIds = new Map(owners.map((customer) => [customer.id, customer.externalId]));
  return lines.map((line) => {
    const owner = externalIds.get(line.priced?.subscription.customerId ?? '');
    if (owner === undefined)
      throw new Error(`customer ${line.priced?.subscription.customerId} of subscription ${line.priced?.subscription.id} is gone`);
    return { line, externalCustomerId: owner };
  });
}

/** One question for as many customers as an answer tells apart, and one for each line whose usage is that of several customers as one. */
function questionsOf(lines: readonly OwnedLine[], { filters }: RevenueScope, view: AnalyticsView): Question[] {
  const together = lines
    .filter(({ line }) => line.inherited.length > 0)
    .map(
      (own): Question => ({
        lines: [own],
        request: {
          meter: own.line.meter,
          externalCustomerIds: [own.externalCustomerId],
          inherited: own.line.inherited,
          range: own.line.period,
          timezone: own.line.timezone,
          filters,
          keys: [],
          buckets: needsBuckets(own.line, view),
        },
      }),
    );
  const alike = Map.groupBy(
    lines.filter(({ line }) => line.inherited.length === 0),
    ({ line: { meter, period, timezone, ...line } }) =>
      JSON.stringify([
        meter.id,
        period.start.toMillis(),
        period.end.toMillis(),
        meter.aggregation.bucketSize === null ? '' : timezone,
        needsBuckets({ meter, period, timezone, ...line }, view),
      ]),
  );
  return [
    ...together,
    ...[...alike.values()].flatMap((own) => {
      const { line } = own[0] as OwnedLine;
      return chunksOf([...Map.groupBy(own, ({ externalCustomerId }) => externalCustomerId)], MAX_GROUPS).map(
        (customers): Question => ({
          lines: customers.flatMap(([, theirs]) => theirs),
          request: {
            meter: line.meter,
            externalCustomerIds: customers.map(([id]) => id),
            range: line.period,
            timezone: line.timezone,
            filters,
            keys: [{ kind: 'customer' }],
            buckets: needsBuckets(line, view),
          },
        }),
      );
    }),
  ];
}
