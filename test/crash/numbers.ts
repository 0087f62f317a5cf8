import { Decimal } from '#kernel/decimal.ts';
import { AGGREGATION_TYPES, type AggregationType } from '#metering/domain/meter.ts';
import { aggregate, takenBy } from '../support/usage-oracle.ts';
import type { Host } from './host.ts';
import type { Finding } from './mismatch.ts';
import { eventLine, MULTIPLIER, type Plan, type PlannedEvent } from './plan.ts';
import { ask } from './stored.ts';

interface Question {
  readonly eventName: string;
  readonly type: AggregationType;
  /** Null: all customers. */
  readonly customer: string | null;
  readonly models: readonly string[] | null;
  readonly window: 'HOUR' | 'DAY' | null;
  readonly start: number;
  readonly end: number;
}

/** A total and its points as text: the start of the window, or nothing, and the number. */
interface Figures {
  readonly total: string;
  readonly points: ReadonlyMap<string, string>;
}

const AT_ONCE = 4;
const WINDOWS = ['HOUR', 'DAY', null] as const;
const LENGTH = { HOUR: 3_600_000, DAY: 86_400_000 } as const;

/**
 * Asks `POST /v1/events/usage` for every aggregation, plain and filtered, in one piece and by hours and days, per customer and over
 * all of them, and compares the answers with a loop over the events that count.
 */
export async function wrongNumbers(
  host: Pick<Host, 'url' | 'apiKey'>,
  plan: Plan,
  counting: readonly PlannedEvent[],
): Promise<{ asked: number; findings: Finding[] }> {
  const questions = questionsOf(plan);
  const findings: Finding[] = [];
  const open = questions.values();
  const asker = async (): Promise<void> => {
    for (const question of open) {
      const concerned = counting.filter((event) => concerns(question, event));
      const finding = difference(question, expectedFigures(question, concerned), await askedFigures(host, question), concerned);
      if (finding !== null) findings.push(finding);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, asker));
  return { asked: questions.length, findings };
}

/** All combinations of name, type, customers and filter. Their windows and ranges take turns, so that each type meets each of them. */
function questionsOf({ eventNames, customers, start, end }: Plan): Question[] {
  const within = start + Math.floor((end - start) * 0.37);
  let turn = 0;
  return eventNames.flatMap((eventName) =>
    AGGREGATION_TYPES.flatMap((type) =>
      [null, ...customers].flatMap((customer) =>
        [null, ['small', 'tiny']].map((models): Question => {
          turn += 1;
          return {
            eventName,
            type,
            customer,
            models,
            window: WINDOWS[turn % WINDOWS.length] ?? null,
            start: turn % 4 === 0 ? within : start,
            end,
          };
        }),
      ),
    ),
  );
}

function concerns({ eventName, customer, models, start, end }: Question, event: PlannedEvent): boolean {
  return (
    event.eventName === eventName &&
    (customer === null || event.customer === customer) &&
    event.at >= start &&
    event.at < end &&
    (models === null || (event.model !== null && models.includes(event.model)))
  );
}

function propertyOf({ type }: Question): 'user' | 'amount' {
  return type === 'COUNT_UNIQUE' ? 'user' : 'amount';
}

function expectedFigures(question: Question, concerned: readonly PlannedEvent[]): Figures {
  const { type, window, start, end } = question;
  const taken = concerned.flatMap(
    (event) => takenBy(type, { id: event.id, at: event.at, ingestedAt: 0 }, event[propertyOf(question)]) ?? [],
  );
  const figure = (own: typeof taken): Decimal => aggregate(type, own, [start, end], MULTIPLIER);
  const windows = window === null ? [] : [...Map.groupBy(taken, ({ event }) => event.at - (event.at % LENGTH[window]))];
  const total = figure(taken);
  return {
    total: total.isNegative() ? '0' : total.toFixed(),
    points: new Map(windows.map(([at, own]) => [new Date(at).toISOString(), figure(own).toFixed()])),
  };
}

async function askedFigures(host: Pick<Host, 'url' | 'apiKey'>, question: Question): Promise<Figures> {
  const { eventName, type, customer, models, window, start, end } = question;
  const { body } = await ask(host, '/v1/events/usage', {
    event_name: eventName,
    aggregation_type: type,
    property_name: propertyOf(question),
    multiplier: MULTIPLIER,
    start_time: new Date(start).toISOString(),
    end_time: new Date(end).toISOString(),
    ...(customer === null ? {} : { external_customer_id: customer }),
    ...(models === null ? {} : { filters: { model: models } }),
    ...(window === null ? {} : { window_size: window }),
  });
  const { value = '0', results } = body as { value?: string; results: { window_size?: string; value: string }[] };
  return {
    total: new Decimal(value).toFixed(),
    points: new Map(results.map((point) => [new Date(point.window_size ?? 0).toISOString(), new Decimal(point.value).toFixed()])),
  };
}

function difference(question: Question, expected: Figures, actual: Figures, concerned: readonly PlannedEvent[]): Finding | null {
  const { eventName, type, customer, models, window, start, end } = question;
  const wrong = [...new Set([...expected.points.keys(), ...actual.points.keys()])]
    .filter((at) => expected.points.get(at) !== actual.points.get(at))
    .sort();
  if (expected.total === actual.total && wrong.length === 0) return null;
  const shown = ({ total, points }: Figures): string =>
    [`total ${total}`, ...wrong.slice(0, 3).map((at) => `${at} ${points.get(at) ?? 'absent'}`)].join(', ');
  const [first] = wrong;
  return {
    kind: 'wrong number',
    what: `${type} of ${eventName}, ${customer ?? 'all customers'}, ${models === null ? 'no filter' : `model in ${models.join(', ')}`}, ${window ?? 'no'} window, ${new Date(start).toISOString()} to ${new Date(end).toISOString()}`,
    expected: shown(expected),
    actual: shown(actual),
    events: concerned
      .filter(({ at }) => first === undefined || (at >= Date.parse(first) && at < Date.parse(first) + LENGTH[window ?? 'DAY']))
      .map(eventLine),
  };
}
