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
}

/** Tries of one request: with these pauses about five minutes of an API that is away. */
const RETRY = { retries: 15, minTimeout: 500, maxTimeout: 30_000, factor: 2, randomize: true } as const;
const LONGEST_RETRY_AFTER_S = 300;
const REQUEST_MS = 60_000;
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

async function post(items: readonly SendItem[], { url, key, signal }: Api): Promise<Answer> {
  const body = JSON.stringify({ events: items.map(({ event }) => event) });
  try {
    return await pRetry(
      async () => {
        const response = await request(`${url}/events/bulk`, key, body);
        if (RETRYABLE.includes(response.status)) {
          await response.body?.cancel();
          throw new Away(`it answers ${response.status}`, Number(response.headers.get('retry-after')) || 0);
        }
        return await answerOf(response);
      },
      {
        ...RETRY,
        ...(signal === undefined ? {} : { signal }),
        onFailedAttempt: async ({ error }) => {
          // Besides the backoff: the API knows better than it when there is room.
          if (error instanceof Away && error.retryAfterSeconds > 0)
            await wait(Math.min(LONGEST_RETRY_AFTER_S, error.retryAfterSeconds) * 1000, undefined, signal === undefined ? {} : { signal });
        },
      },
    );
  } catch (error) {
    if (error instanceof Away) throw new ImportFailed(`${url} does not take events: ${error.message}`);
    throw error;
  }
}

async function request(url: string, key: string, body: string): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(REQUEST_MS),
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
