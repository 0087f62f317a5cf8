import { earlier, later } from '#kernel/calendar/period.ts';
import { chunksOf } from '#kernel/chunks.ts';
import { ZERO } from '#kernel/decimal.ts';
import { type GroupedQuery, type GroupedUsage, type GroupKey, MAX_GROUPS } from './grouped-usage.ts';
import type { UsageRange } from './usage.ts';

/** Questions with what they have in common asked once. */
export interface SharedQuestions {
  readonly asked: readonly GroupedQuery[];
  /** The answers to the questions as they were put, from those to `asked`. */
  answers(usages: readonly GroupedUsage[]): GroupedUsage[];
}

/** Where the answer to a question stands: which of those asked, and which of its spans. */
interface Place {
  readonly asked: number;
  readonly span: number | null;
}

/**
 * Puts questions together that are about the same events: equal ones are one, and those that differ in nothing but their range are one with
 * a group for each range. A customer's hundred subscriptions to a plan then cost what one costs. An aggregation that weighs events by the
 * end of the range stays alone, and so does what is grouped already.
 */
export function shareQuestions(questions: readonly GroupedQuery[]): SharedQuestions {
  const asked: GroupedQuery[] = [];
  const places = new Map<number, Place>();
  const alike = Map.groupBy(questions.keys(), (index) => JSON.stringify(contentOf(questions[index] as GroupedQuery)));
  for (const indices of alike.values()) {
    const byRange = [...Map.groupBy(indices, (index) => rangeKey(questions[index]?.query.range)).values()];
    for (const together of chunksOf(byRange, MAX_GROUPS)) {
      const [first] = together[0] as [number];
      const question = questions[first] as GroupedQuery;
      const spans = together.map(([index]) => (questions[index as number] as GroupedQuery).query.range);
      asked.push(together.length === 1 ? question : overSpans(question, spans));
      for (const [span, own] of together.entries())
        for (const index of own) places.set(index, { asked: asked.length - 1, span: together.length === 1 ? null : span });
    }
  }
  return {
    asked,
    answers: (usages) =>
      questions.map((_, index) => {
        const place = places.get(index) as Place;
        const usage = usages[place.asked] as GroupedUsage;
        return place.span === null ? usage : ofSpan(usage, place.span);
      }),
  };
}

/** All of a question that makes another one of it; its range as well, where it cannot be put together with others. */
function contentOf({ query: { range, ...query }, keys, buckets }: GroupedQuery): unknown {
  const alone = query.type === 'WEIGHTED_SUM' || keys.length > 0 || range.start === null;
  return [query, query.expression?.text, keys, buckets, alone ? rangeKey(range) : ''];
}

function rangeKey(range: UsageRange | undefined): string {
  return `${range?.start?.toMillis()} ${range?.end.toMillis()}`;
}

function overSpans(question: GroupedQuery, spans: readonly UsageRange[]): GroupedQuery {
  const key: GroupKey = { kind: 'span', spans: spans.map(({ start, end }) => [start?.toMillis() ?? 0, end.toMillis()]) };
  const [first] = spans as [UsageRange];
  const range = spans.reduce<UsageRange>(
    (hull, { start, end }) => ({ start: hull.start && start && earlier(hull.start, start), end: later(hull.end, end) }),
    first,
  );
  return { ...question, query: { ...question.query, range }, keys: [key] };
}

/** What a question without groups is answered: one group, also where there is nothing. */
function ofSpan({ groups }: GroupedUsage, span: number): GroupedUsage {
  const found = groups.find(({ values }) => values[0] === String(span));
  const empty = { value: ZERO, eventCount: 0, sources: [], points: [], buckets: [] };
  return { groups: [{ ...(found ?? empty), values: [] }], groupCount: 1 };
}
