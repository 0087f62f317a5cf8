import { windowStart } from '#kernel/calendar/windows.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { ZERO } from '#kernel/decimal.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { CustomerSpan, Usage, UsageWindow } from '#metering/domain/usage.ts';
import type { MeterUsageRequest } from '#metering/service/usage.ts';
import type { UsageReading } from '../domain/calculation.ts';
import type { BilledItem, UsageAnswer, UsageQuestion } from '../domain/inputs.ts';
import { pricesRows, windowUsages } from '../domain/window-usage.ts';
import type { ReadUsage } from './dependencies.ts';

export interface UsageScope {
  readonly externalCustomerId: string;
  readonly inherited: readonly CustomerSpan[];
  readonly timezone: string;
  readonly anchor: Period['start'];
  readonly meters: ReadonlyMap<string, Meter>;
  readonly items: readonly BilledItem[];
}

/** Queries of one question, and how their answers become its answer. */
interface Plan {
  readonly queries: readonly MeterUsageRequest[];
  answer(usages: readonly Usage[]): UsageAnswer;
}

/** Asks the usage store all that an invoice needs, in one go. */
export async function readUsage(
  read: ReadUsage,
  ctx: RequestContext,
  questions: readonly UsageQuestion[],
  scope: UsageScope,
): Promise<UsageAnswer[]> {
  const plans = questions.map((question) => planOf(question, scope));
  const queries = plans.flatMap((plan) => plan.queries);
  const usages = queries.length === 0 ? [] : await read(ctx, queries);
  let from = 0;
  return plans.map((plan) => plan.answer(usages.slice(from, (from += plan.queries.length))));
}

function planOf(question: UsageQuestion, scope: UsageScope): Plan {
  const plan = plainPlanOf(question, scope);
  return question.committedWindows && !question.buckets ? withWindows(plan, question, scope) : plan;
}

/** Also the usage of each window, for a commitment that applies to each where an entitlement is about the sum of them. */
function withWindows(plan: Plan, question: UsageQuestion, scope: UsageScope): Plan {
  const meter = meterOf(question, scope);
  const size = meter.aggregation.bucketSize ?? 'DAY';
  const query = {
    meter,
    externalCustomerIds: [scope.externalCustomerId],
    inherited: scope.inherited,
    range: question.period,
    window: { size, timezone: scope.timezone, anchor: null },
    timezone: scope.timezone,
  };
  return {
    queries: [...plan.queries, query],
    answer: (usages) => ({
      ...plan.answer(usages.slice(0, -1)),
      windows: windowUsages(usages.at(-1)?.points ?? [], isPricedByRow(question, scope)),
    }),
  };
}

function meterOf(question: UsageQuestion, scope: UsageScope): Meter {
  const meter = scope.meters.get(question.meterId);
  if (!meter) throw new Error(`meter ${question.meterId} of line item ${question.lineItemId} is gone`);
  return meter;
}

function plainPlanOf(question: UsageQuestion, scope: UsageScope): Plan {
  const meter = meterOf(question, scope);
  const query = (range: Period, window: UsageWindow | null = null): MeterUsageRequest => ({
    meter,
    externalCustomerIds: [scope.externalCustomerId],
    inherited: scope.inherited,
    range,
    window,
    timezone: scope.timezone,
  });
  const { bucketSize } = meter.aggregation;
  if (question.buckets && bucketSize !== null)
    return bucketed(question, scope, query(question.period, { size: bucketSize, timezone: scope.timezone, anchor: null }));
  // A meter that never resets looks at all history, whatever the range, so a windowed query would not be about the period.
  if (question.cut !== null && bucketSize === null && meter.resetUsage !== 'NEVER') return windowed(question, scope, query);
  return oneByOne(question, query);
}

/** One query answers all local days or months of the period. */
function windowed(
  question: UsageQuestion,
  { timezone, anchor }: UsageScope,
  query: (range: Period, window: UsageWindow) => MeterUsageRequest,
): Plan {
  const size = question.cut ?? 'DAY';
  return {
    queries: [query(question.period, { size, timezone, anchor })],
    answer([usage]) {
      const points = new Map((usage?.points ?? []).map((point) => [point.windowStart?.toMillis(), point]));
      const readings = question.windows.map((period): UsageReading => {
        const point = points.get(windowStart(period.start, size, timezone, anchor).toMillis());
        return { period, value: point?.value ?? ZERO, eventCount: point?.eventCount ?? 0, watermark: usage?.watermark ?? null };
      });
      return {
        lineItemId: question.lineItemId,
        period: question.period,
        readings,
        whole: readingOf(question.period, usage),
        buckets: null,
        windows: null,
      };
    },
  };
}

/** Each window is a query of its own; an empty one holds nothing and need not be asked. */
function oneByOne(question: UsageQuestion, query: (range: Period) => MeterUsageRequest): Plan {
  const ranges = [...question.windows.filter((window) => window.start < window.end), question.period];
  return {
    queries: ranges.map((range) => query(range)),
    answer(usages) {
      const asked = new Map(ranges.map((range, index) => [range, usages[index]]));
      return {
        lineItemId: question.lineItemId,
        period: question.period,
        buckets: null,
        windows: null,
        readings: question.windows.map((window) => readingOf(window, asked.get(window))),
        whole: readingOf(question.period, usages.at(-1)),
      };
    },
  };
}

/** The figure of each bucket; with a tiered price and groups, of each group in each bucket (billing.md 3.3). */
function bucketed(question: UsageQuestion, scope: UsageScope, query: MeterUsageRequest): Plan {
  const byRow = isPricedByRow(question, scope);
  return {
    queries: [query],
    answer([usage]) {
      const windows = windowUsages(usage?.points ?? [], byRow);
      const whole = readingOf(question.period, usage);
      return {
        lineItemId: question.lineItemId,
        period: question.period,
        readings: [whole],
        whole,
        buckets: windows.flatMap(({ quantities }) => quantities),
        windows: question.committedWindows ? windows : null,
      };
    },
  };
}

function isPricedByRow(question: UsageQuestion, { items }: UsageScope): boolean {
  return pricesRows(items.find(({ item }) => item.id === question.lineItemId)?.price);
}

function readingOf(period: Period, usage: Usage | undefined): UsageReading {
  return { period, value: usage?.value ?? ZERO, eventCount: usage?.eventCount ?? 0, watermark: usage?.watermark ?? null };
}
