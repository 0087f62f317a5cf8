import type { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { type AnswerBounds, type GroupedUsage, type GroupKey, MAX_GROUPS } from '../domain/grouped-usage.ts';
import { shareQuestions } from '../domain/shared-questions.ts';
import { customersOf, meterQuery, type UsageRange } from '../domain/usage.ts';
import { createGroupedUsageRepository } from '../repository/grouped-usage.ts';
import { createUsageRepository } from '../repository/usage.ts';
import type { MeterUsageRequest } from './usage.ts';

export interface GroupedUsageRequest extends MeterUsageRequest {
  readonly keys: readonly GroupKey[];
  /** Also each of the meter's buckets. */
  readonly buckets: boolean;
}

export type GroupedUsageService = ReturnType<typeof createGroupedUsageService>;

/** Usage of meters told apart by sources and properties: the questions of billing, asked per group (metering.md 9). */
export function createGroupedUsageService({ clickhouse }: { readonly clickhouse: ClickHouse }) {
  const grouped = createGroupedUsageRepository(clickhouse);
  const plain = createUsageRepository(clickhouse);
  return {
    /**
     * Usage of all meters in one statement per hundred, whatever the number of groups, and those that differ in their range alone as
     * one; answers in the order of the requests.
     * The watermark is that of the customer and of those that the requests add to it, or of all where it is null; it is of the same rows
     * as the numbers, and null while nothing is stored.
     */
    async usages(
      ctx: RequestContext,
      externalCustomerId: string | null,
      requests: readonly GroupedUsageRequest[],
      bounds?: AnswerBounds,
    ): Promise<{ usages: GroupedUsage[]; watermark: DateTime | null }> {
      const questions = requests.map(({ meter, keys, buckets, ...scope }) => ({ query: meterQuery(meter, scope), keys, buckets }));
      const asked =
        externalCustomerId === null
          ? null
          : [...new Set([externalCustomerId, ...questions.flatMap(({ query }) => customersOf(query) ?? [])])];
      if (questions.length === 0) return { usages: [], watermark: await plain.watermark(ctx, asked) };
      const shared = shareQuestions(questions);
      // Ranges that share a question are its groups: a page of groups leaves none of them out.
      const whole = bounds && questions.every(({ keys }) => keys.length === 0) ? { ...bounds, groups: MAX_GROUPS } : bounds;
      const { usages, watermark } = await grouped.usages(ctx, asked, shared.asked, whole);
      return { usages: shared.answers(usages), watermark };
    },

    /** Names of the events that a customer has in a range, at most `limit`. */
    eventNames: (ctx: RequestContext, externalCustomerId: string, range: UsageRange, limit: number): Promise<string[]> =>
      grouped.eventNames(ctx, externalCustomerId, range, limit),
  };
}
