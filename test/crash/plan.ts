/** What a crash run does, as plain data: made from its seed alone, so that a run that failed can be run again. */
export interface Plan {
  readonly seed: number;
  readonly customers: readonly string[];
  readonly eventNames: readonly string[];
  /** Event times lie in `[start, end)`, milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
  readonly requests: readonly PlannedRequest[];
  readonly actions: readonly Action[];
}

export interface PlannedRequest {
  /** Place in `requests`: a smaller one is dealt out earlier. */
  readonly index: number;
  /** `POST /v1/events` with its only event, or `POST /v1/events/bulk`. */
  readonly single: boolean;
  readonly events: readonly PlannedEvent[];
  /** Requests that have to be answered before this one is sent: they hold first copies of its events, and the first copy counts. */
  readonly after: readonly number[];
  /** What its sender waits before it sends, so that the load lasts. */
  readonly pauseMs: number;
  /** Whether a failure that may have left something behind is the end of it. Others are sent again, until they are acknowledged. */
  readonly givesUp: boolean;
  /** Its sender does not wait for the answer to the first attempt longer than this. Null: it does. */
  readonly hangsUpMs: number | null;
}

export interface PlannedEvent {
  readonly id: string;
  readonly eventName: string;
  readonly customer: string;
  /** Milliseconds since 1970; no two events of a plan share one, unless they are copies of one another. */
  readonly at: number;
  /** Decimal text, or text that is no number; null: the property is missing. */
  readonly amount: string | null;
  /** The amount travels as a JSON number with all its digits, else as text. */
  readonly asNumber: boolean;
  readonly model: string | null;
  readonly user: string | null;
}

/** Something done to the processes once so many requests were answered, and so many milliseconds more have passed. */
export type Action = { readonly afterRequests: number; readonly delayMs: number } & (
  | { readonly kind: 'kill'; readonly process: string }
  | { readonly kind: 'consumer joins' }
  | { readonly kind: 'consumer leaves'; readonly how: 'stop' | 'kill' }
);

interface RawJson {
  rawJSON(text: string): unknown;
}

/** An event as the body of a request holds it. */
export function wireEvent({ id, eventName, customer, at, amount, asNumber, model, user }: PlannedEvent): Record<string, unknown> {
  return {
    event_id: id,
    event_name: eventName,
    external_customer_id: customer,
    timestamp: new Date(at).toISOString(),
    properties: {
      ...(amount === null ? {} : { amount: asNumber ? (JSON as unknown as RawJson).rawJSON(amount) : amount }),
      ...(model === null ? {} : { model }),
      ...(user === null ? {} : { user }),
    },
  };
}

/** Multiplier of SUM_WITH_MULTIPLIER. */
export const MULTIPLIER = '1.75';

/** For a reader of reports: an event in one line. */
export function eventLine({ id, eventName, customer, at, amount, model, user }: PlannedEvent): string {
  return `${id} ${eventName} ${customer} ${new Date(at).toISOString()} amount=${amount ?? '-'} model=${model ?? '-'} user=${user ?? '-'}`;
}
