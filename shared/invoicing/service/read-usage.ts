import type { DateTime } from 'luxon';
import { longerWindow, type WindowSize, windowStart } from '#kernel/calendar/windows.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { sum, ZERO } from '#kernel/decimal.ts';
import { invalidOperation } from '#kernel/errors.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { CustomerSpan, Usage, UsageWindow } from '#metering/domain/usage.ts';
import type { MeterUsageRequest } from '#metering/service/usage.ts';
import type { UsageReading } from '#charges/domain/calculation.ts';
import type { BilledItem, UsageAnswer, UsageQuestion } from '#charges/domain/inputs.ts';
import { pricesRows, windowUsages } from '#charges/domain/window-usage.ts';
import type { ReadUsage } from './dependencies.ts';

export interface UsageScope {
  readonly externalCustomerId: string;
  readonly inherited: readonly CustomerSpan[];
  readonly timezone: string;
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
  return (await readUsages(read, ctx, [{ questions, scope }]))[0] as UsageAnswer[];
}

/** The same for several subscriptions, still in one go: answers to each, in the order of its questions. */
export async function readUsages(
  read: ReadUsage,
  ctx: RequestContext,
  asked: readonly { readonly questions: readonly UsageQuestion[]; readonly scope: UsageScope }[],
): Promise<UsageAnswer[][]> {
  const answers = await answersTo(
    read,
    ctx,
    asked.flatMap(({ questions, scope }) => questions.map((question) => planOf(question, scope))),
  );
  let from = 0;
  return asked.map(({ questions }) => answers.slice(from, (from += questions.length)));
}

async function answersTo(read: ReadUsage, ctx: RequestContext, plans: readonly Plan[]): Promise<UsageAnswer[]> {
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
  if (!meter) throw invalidOperation('the meter of a line item is gone', { meter_id: question.meterId, line_item_id: question.lineItemId });
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
  const pieceOfDay = pieceOfDayOf(bucketSize);
  if (question.byDay && pieceOfDay !== null && meter.resetUsage !== 'NEVER') return windowed(question, scope, pieceOfDay, query);
  return oneByOne(question, query);
}

/** Windows that a local day is made of, and whose figures add up to its own; null for buckets that are longer, or too many. */
function pieceOfDayOf(bucketSize: WindowSize | null): WindowSize | null {
  if (bucketSize === null) return 'DAY';
  return longerWindow(bucketSize, 'HOUR') === bucketSize && longerWindow(bucketSize, 'DAY') === 'DAY' ? bucketSize : null;
}

/** One query answers all local days of the period; what lies before it in the first of them, and then the period itself, are asked besides. */
function windowed(
  question: UsageQuestion,
  { timezone }: UsageScope,
  size: WindowSize,
  query: (range: Period, window?: UsageWindow) => MeterUsageRequest,
): Plan {
  const { period, windows } = question;
  const earlier = windows.filter(({ end }) => end <= period.start);
  const [first = period] = windows.filter(({ end }) => end > period.start);
  const cut = { start: first.start, end: period.end };
  const besides = +cut.start === +period.start ? [] : [...earlier, period];
  return {
    queries: [query(cut, { size, timezone, anchor: null }), ...besides.map((range) => query(range))],
    answer([usage, ...others]) {
      const dayOf = (at: DateTime): number => windowStart(at, 'DAY', timezone).toMillis();
      const days = Map.groupBy(usage?.points ?? [], ({ windowStart: start }) => start && dayOf(start));
      const asked = new Map(besides.map((range, index) => [range, others[index]]));
      const readings = windows.map((range): UsageReading => {
        if (asked.has(range)) return readingOf(range, asked.get(range));
        const points = days.get(dayOf(range.start)) ?? [];
        const eventCount = points.reduce((total, point) => total + point.eventCount, 0);
        return { period: range, value: sum(points.map(({ value }) => value)), eventCount, watermark: usage?.watermark ?? null };
      });
      return {
        lineItemId: question.lineItemId,
        period,
        readings,
        whole: readingOf(period, besides.length === 0 ? usage : asked.get(period)),
        buckets: null,
        windows: null,
      };
    },
  };
}

/** Each range is a query of its own, but for equal ones. */
function oneByOne({ lineItemId, period, windows }: UsageQuestion, query: (range: Period) => MeterUsageRequest): Plan {
  const keyOf = ({ start, end }: Period): string => `${start.toMillis()}-${end.toMillis()}`;
  const ranges = new Map([...windows, period].map((range) => [keyOf(range), range]));
  return {
    queries: [...ranges.values()].map((range) => query(range)),
    answer(usages) {
      const asked = new Map([...ranges.keys()].map((key, index) => [key, usages[index]]));
      const answerTo = (range: Period): UsageReading => readingOf(range, asked.get(keyOf(range)));
      return { lineItemId, period, buckets: null, windows: null, readings: windows.map(answerTo), whole: answerTo(period) };
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
