import { setTimeout as wait } from 'node:timers/promises';
import pRetry from 'p-retry';
import type { ImportEvent } from './event.ts';

/** The import cannot go on; what was acknowledged stays so. */
export class ImportFailed extends Error {}

export interface SendItem {
  readonly line: number;
  readonly content: string;
  readonly event: ImportEvent;
}
/** A line that was refused, and why: as many reasons as the API names. */
export interface Reject {
  readonly line: number;
  readonly reason: string;
  readonly errors: readonly { readonly field: string; readonly reason: string }[];
  readonly content: string;
}

export interface Api {
  readonly url: string;
  readonly key: string;
  readonly signal?: AbortSignal;
  /** Told of a request that was lost, and in how many seconds it is tried again; `again`: it was lost before. */
  readonly onLost?: (reason: string, seconds: number, again: boolean) => void;
  /** Told of a request that had been lost and went through. */
  readonly onFound?: () => void;
}

/** Tries of one request: with these pauses about five minutes of an API that is away. */
const RETRIES = 15;
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [500, 30_000];
const LONGEST_RETRY_AFTER_S = 300;
const REQUEST_MS = 60_000;
const FIRST_ANSWER_MS = 10_000;
const RETRYABLE: readonly number[] = [408, 429, 500, 502, 503, 504];

/** Worth another try. */
class Away extends Error {
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds = 0) {
    super(message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

interface Answer {
  readonly status: number;
  readonly message: string;
  readonly errors: readonly { readonly field: string; readonly reason: string }[];
}

/**
 * Sends events until each is accepted or refused; the refused ones. The API takes a request whole or not at all and names all that is wrong with
 * it, so what it names is taken out and the rest is sent again. What it refuses without a name (too large) is halved.
 */
export async function sendEvents(items: readonly SendItem[], api: Api): Promise<Reject[]> {
  if (items.length === 0) return [];
  const { status, message, errors } = await post(items, api);
  if (status === 202) return [];
  if (status !== 400 && status !== 413) throw new ImportFailed(`The API answered ${status}: ${message}`);
  const named = Map.groupBy(
    errors.flatMap(({ field, reason }) => {
      const [, index, part = 'event'] = /^events\[(\d+)\](?:\.(.+))?$/.exec(field) ?? [];
      return index === undefined || Number(index) >= items.length ? [] : [{ index: Number(index), field: part, reason }];
    }),
    ({ index }) => index,
  );
  if (named.size > 0) {
    const rejects = [...named].map(([index, of]) =>
      rejectOf(
        items[index] as SendItem,
        of.map(({ field, reason }) => ({ field, reason })),
      ),
    );
    return [
      ...rejects,
      ...(await sendEvents(
        items.filter((_, index) => !named.has(index)),
        api,
      )),
    ];
  }
  if (items.length === 1) return [rejectOf(items[0] as SendItem, errors.length > 0 ? errors : [{ field: 'event', reason: message }])];
  const middle = items.length >> 1;
  return [...(await sendEvents(items.slice(0, middle), api)), ...(await sendEvents(items.slice(middle), api))];
}

/** A refused line with its reasons. */
export function rejectOf({ line, content }: Pick<SendItem, 'line' | 'content'>, errors: Reject['errors']): Reject {
  return { line, reason: errors.map(({ field, reason }) => `${field}: ${reason}`).join('; '), errors, content };
}

/** Asks the API once whether it is there and takes the key, with a request that changes nothing. Throws ImportFailed when there is no use in going on. */
export async function knock({ url, key }: Api): Promise<void> {
  const response = await request(url, key, '{"events":[]}', FIRST_ANSWER_MS).catch((error: unknown) => {
    if (error instanceof Away)
      throw new ImportFailed(`Nobody answers at ${url}: ${error.message}. Is it running there? --url says where else.`);
    throw error;
  });
  // No events is a bad request to whoever may send some; who is only busy is waited for later.
  if ([202, 400, ...RETRYABLE].includes(response.status)) return void (await response.body?.cancel());
  const { status, message } = await answerOf(response);
  const hint =
    status === 404
      ? ' Is the address right? It ends in /v1.'
      : status === 401 || status === 403
        ? ' Is the key right? --key gives another.'
        : '';
  throw new ImportFailed(`The API answered ${status}: ${message}.${hint}`);
}

async function post(items: readonly SendItem[], { url, key, signal, onLost, onFound }: Api): Promise<Answer> {
  const body = JSON.stringify({ events: items.map(({ event }) => event) });
  let lost = false;
  try {
    return await pRetry(
      async () => {
        const response = await request(url, key, body, REQUEST_MS);
        if (RETRYABLE.includes(response.status)) {
          await response.body?.cancel();
          throw new Away(`it answers ${response.status}`, Number(response.headers.get('retry-after')) || 0);
        }
        const answer = await answerOf(response);
        if (lost) onFound?.();
        return answer;
      },
      {
        retries: RETRIES,
        // The pauses are ours, because they are told.
        minTimeout: 0,
        factor: 1,
        ...(signal === undefined ? {} : { signal }),
        onFailedAttempt: async ({ error, retriesConsumed, retriesLeft }) => {
          if (!(error instanceof Away) || retriesLeft === 0) return;
          const pause = pauseOf(retriesConsumed, error.retryAfterSeconds);
          onLost?.(error.message, pause / 1000, lost);
          lost = true;
          await wait(pause, undefined, signal === undefined ? {} : { signal });
        },
      },
    );
  } catch (error) {
    if (error instanceof Away) throw new ImportFailed(`${url} does not take events: ${error.message}`);
    throw error;
  }
}

/** Milliseconds until another try: doubled each time, spread so that several do not come at once; the API knows better than it when there is room. */
function pauseOf(tries: number, retryAfterSeconds: number): number {
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries) * (1 + Math.random());
  return Math.max(pause, Math.min(LONGEST_RETRY_AFTER_S, retryAfterSeconds) * 1000);
}

async function request(url: string, key: string, body: string, milliseconds: number): Promise<Response> {
  try {
    return await fetch(`${url}/events/bulk`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(milliseconds),
    });
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    throw new Away(cause instanceof Error ? cause.message || String((cause as { code?: string }).code) : (error as Error).message);
  }
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text().catch((error: Error) => {
    throw new Away(error.message);
  });
  try {
    const body = JSON.parse(text) as { message?: string; error?: string; details?: { errors?: Answer['errors'] } };
    return { status: response.status, message: body.message ?? body.error ?? '', errors: body.details?.errors ?? [] };
  } catch {
    return { status: response.status, message: text.slice(0, 200), errors: [] };
  }
}
