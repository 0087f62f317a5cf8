import { setTimeout as wait } from 'node:timers/promises';
import type { Host } from './host.ts';
import { CrashMismatch } from './mismatch.ts';
import { type Plan, type PlannedRequest, wireEvent } from './plan.ts';

/** What a sender knows of its request in the end: it was acknowledged, or it may be there or not. */
export interface Outcome {
  readonly accepted: boolean;
  /** What each attempt was answered. */
  readonly answers: readonly string[];
}

const SENDERS = 6;
const AGAIN_MS = 60;
const ANSWER_MS = 30_000;
const PATIENCE_MS = 90_000;

type Attempt = { readonly kind: 'accepted' } | { readonly kind: 'never sent' | 'failed'; readonly why: string };

/** Sends the requests of a plan through several senders, each its share in order. `onAnswered` hears of every request that came to its end. */
export async function runLoad(host: Pick<Host, 'url' | 'apiKey'>, plan: Plan, onAnswered: () => void): Promise<readonly Outcome[]> {
  const ends = plan.requests.map(() => Promise.withResolvers<Outcome>());
  // A sender that fails ends the run by itself; nobody may be left to wait for what it would have sent.
  for (const { promise } of ends) promise.catch(() => undefined);

  const sender = async (number: number): Promise<void> => {
    for (const request of plan.requests.filter(({ index }) => index % SENDERS === number)) {
      try {
        await wait(request.pauseMs);
        // Requests with smaller numbers have senders that wait for still smaller ones only: somebody can always go on.
        await Promise.all(request.after.map((index) => ends[index]?.promise));
        ends[request.index]?.resolve(await sendToTheEnd(host, request));
        onAnswered();
      } catch (error) {
        for (const end of ends) end.reject(error);
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, (_, number) => sender(number)));
  return Promise.all(ends.map(({ promise }) => promise));
}

async function sendToTheEnd(host: Pick<Host, 'url' | 'apiKey'>, request: PlannedRequest): Promise<Outcome> {
  const answers: string[] = [];
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await wait(AGAIN_MS)) {
    const attempt = await send(host, request, answers.length === 0 ? request.hangsUpMs : null);
    answers.push(attempt.kind === 'accepted' ? '202' : attempt.why);
    if (attempt.kind === 'accepted') return { accepted: true, answers };
    // What never reached the gateway says nothing about it, and would only use up the plan.
    if (attempt.kind === 'failed' && request.givesUp) return { accepted: false, answers };
  }
  throw new CrashMismatch(`request ${request.index} was not accepted for ${PATIENCE_MS / 1000} s`, [
    {
      kind: 'bad answer',
      what: `request ${request.index}`,
      expected: '202 in the end',
      actual: [...new Set(answers)].join(', '),
      events: [],
    },
  ]);
}

async function send(
  { url, apiKey }: Pick<Host, 'url' | 'apiKey'>,
  { index, single, events }: PlannedRequest,
  hangsUpMs: number | null,
): Promise<Attempt> {
  const body = events.map(wireEvent);
  try {
    const answer = await fetch(`${url}/v1/events${single ? '' : '/bulk'}`, {
      method: 'POST',
      headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
      body: JSON.stringify(single ? body[0] : { events: body }),
      signal: AbortSignal.timeout(hangsUpMs ?? ANSWER_MS),
    });
    const text = await answer.text();
    if (answer.status === 202) {
      checkIds(
        index,
        text,
        events.map(({ id }) => id),
      );
      return { kind: 'accepted' };
    }
    if (answer.status >= 500) return { kind: 'failed', why: String(answer.status) };
    throw badAnswer(index, '202, or 5xx while something is away', `${answer.status} ${text.slice(0, 300)}`);
  } catch (error) {
    if (error instanceof CrashMismatch) throw error;
    const { name, cause } = error as Error & { cause?: { code?: string } };
    return { kind: cause?.code === 'ECONNREFUSED' ? 'never sent' : 'failed', why: cause?.code ?? name };
  }
}

function checkIds(index: number, text: string, ids: readonly string[]): void {
  const { event_id: one, event_ids: many } = JSON.parse(text) as { event_id?: string; event_ids?: string };
  if ((many ?? one) !== ids.join(',')) throw badAnswer(index, ids.join(','), text.slice(0, 300));
}

function badAnswer(index: number, expected: string, actual: string): CrashMismatch {
  return new CrashMismatch('the gateway gave an answer that no crash explains', [
    { kind: 'bad answer', what: `request ${index}`, expected, actual, events: [] },
  ]);
}
