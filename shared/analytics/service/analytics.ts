import type { DateTime } from 'luxon';
import { commitmentInfo, type CommitmentInfo } from '#charges/domain/line-commitment.ts';
import type { Plan } from '#catalog/domain/plan.ts';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Decimal } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import { FOR_PEOPLE, type GroupedUsage, type GroupKey } from '#metering/domain/grouped-usage.ts';
import type { PropertyFilter } from '#metering/domain/meter.ts';
import { type BucketSummary, bucketSummaries } from '../domain/bucket-summary.ts';
import { type CostedGroup, costGroup, NO_USAGE } from '../domain/cost.ts';
import { type AnalyticsLine, type AnalyticsView, needsBuckets, pointWindowOf } from '../domain/line.ts';
import { askedRange, type AskedRange } from '../domain/range.ts';
import { billableAmounts } from './billable.ts';
import type { AnalyticsDependencies } from './dependencies.ts';
import { gatherLines } from './lines.ts';

/** What usage is asked for, and how it is to be told apart. Absent times: up to now, `defaultRange` long. */
export interface AnalyticsRequest extends AskedRange {
  readonly externalCustomerId: string;
  readonly featureIds: readonly string[] | null;
  readonly meterIds: readonly string[] | null;
  readonly sources: readonly string[] | null;
  /** Also the usage of customers that inherit the customer's subscriptions, as one with its own. */
  readonly includeChildren: boolean;
  readonly keys: readonly GroupKey[];
  readonly windowSize: WindowSize | null;
  readonly anchor: DateTime | null;
  readonly filters: readonly PropertyFilter[];
  /** Which of a line's groups, those with most events first. */
  readonly page: { readonly limit: number; readonly offset: number };
}

/** Usage of a line, or of one group of it. */
export interface AnalyticsItem {
  readonly line: AnalyticsLine;
  /** One per key of the request; null where the events lack the property. Empty for a line without groups. */
  readonly values: readonly (string | null)[];
  readonly sources: readonly string[];
  readonly costed: CostedGroup;
  /** What an invoice of the range would charge, exactly: less what is included. Null without a cost, and for parts of the usage. */
  readonly billable: Decimal | null;
  readonly commitment: CommitmentInfo | null;
  readonly bucketSummaries: readonly BucketSummary[];
  readonly windowSize: WindowSize | null;
}

export interface Analytics {
  readonly items: readonly AnalyticsItem[];
  readonly plans: ReadonlyMap<string, Plan>;
  /** Lines of which not all groups are shown. */
  readonly truncated: readonly {
    readonly line: AnalyticsLine;
    readonly groupCount: number;
    readonly shown: number;
    readonly offset: number;
  }[];
  readonly watermark: DateTime | null;
}

/**
 * Usage of a customer and what it costs (metering.md 6). The numbers are those of billing: the same questions, prices and
 * commitments, with a constant number of statements. Whatever cannot be loaded or computed fails the whole (Q4).
 */
export async function usageAnalytics(
  dependencies: AnalyticsDependencies,
  ctx: RequestContext,
  request: AnalyticsRequest,
): Promise<Analytics> {
  const { clock, usage } = dependencies;
  const now = clock.now();
  const { limit, offset } = request.page;
  if (offset > 0 && request.keys.length === 0) throw invalid('offset', 'is of groups: say in group_by what to tell apart');
  const range = askedRange(request, now);
  const { lines, plans } = await gatherLines(dependencies, ctx, { ...request, range });
  const isFiltered = request.filters.length > 0 || request.sources !== null;
  const view: AnalyticsView = {
    windowSize: request.windowSize,
    anchor: request.anchor,
    commitments: !isFiltered && request.keys.length === 0,
    asOf: now,
  };
  const { usages, watermark } = await usage.usages(
    ctx,
    request.externalCustomerId,
    lines.map((line) => ({
      meter: line.meter,
      externalCustomerIds: [request.externalCustomerId],
      inherited: line.inherited,
      range: line.period,
      timezone: line.timezone,
      window: pointWindowOf(line, view),
      filters: request.filters,
      sources: request.sources,
      keys: request.keys,
      buckets: needsBuckets(line, view),
    })),
    { ...FOR_PEOPLE, groups: limit, groupsBefore: offset },
  );
  const billable = view.commitments
    ? (
        await billableAmounts(
          dependencies,
          ctx,
          lines.map((line) => ({ line, externalCustomerId: request.externalCustomerId })),
          range,
        )
      ).amounts
    : null;
  const items = lines.flatMap((line, index) => itemsOf(line, usages[index] as GroupedUsage, view, offset, billable));
  const truncated = lines.flatMap((line, index) => {
    const { groups, groupCount } = usages[index] as GroupedUsage;
    return groupCount > groups.length ? [{ line, groupCount, shown: groups.length, offset }] : [];
  });
  return { items: isFiltered ? items.filter(({ costed }) => !costed.value.isZero()) : items, plans, truncated, watermark };
}

/** One item per group; a line without usage is an item of its own, so that one sees that it was looked at. */
function itemsOf(
  line: AnalyticsLine,
  { groups }: GroupedUsage,
  view: AnalyticsView,
  offset: number,
  billable: ReadonlyMap<string, Decimal> | null,
): AnalyticsItem[] {
  const windowSize = pointWindowOf(line, view)?.size ?? null;
  const shown = groups.length > 0 || offset > 0 ? groups : [NO_USAGE];
  return shown.map((group): AnalyticsItem => {
    const costed = costGroup(line, group, view);
    const split = costed.cost?.split ?? null;
    const item = line.priced?.item;
    return {
      line,
      values: group.values,
      sources: group.sources,
      costed,
      billable: billable === null || item === undefined ? null : (billable.get(item.id) ?? costed.cost?.amount ?? null),
      windowSize,
      commitment: item && split ? commitmentInfo({ item }, split) : null,
      bucketSummaries: item ? bucketSummaries(item.commitmentTimeBuckets, costed.windows) : [],
    };
  });
}
