import { setTimeout as wait } from 'node:timers/promises';
import type { MeteringChain } from './metering-chain.ts';

export interface SentEvent {
  readonly id: string;
  readonly customer: string;
  readonly tokens: number;
}

/** What the senders know in the end. */
export interface OutageLoad {
  /** By id; each has to count once. */
  readonly acknowledged: ReadonlyMap<string, SentEvent>;
  /** How many events were sent again, and acknowledged again. */
  copies(): number;
  /** Of requests that were refused and not sent again. */
  readonly givenUp: readonly (readonly SentEvent[])[];
  /** How often a request was refused. */
  refusals(): number;
  /** Rejects when an answer came that no outage explains; settles once all senders have stopped. */
  readonly done: Promise<void>;
  /** Each sender ends with the request that it has in hand. */
  stop(): Promise<void>;
}

const SENDERS = 4;
const PER_REQUEST = 5;
/** Keeps the load at some hundred events a second, so that an outage of a minute can be caught up on a small machine. */
const PAUSE_MS = 40;
/** One event of so many is a copy of one that was acknowledged before: 5 %. */
const COPY_EVERY = 20;
/** One event of so many is of a customer that nobody has seen, which no cache can answer for. */
const NEW_CUSTOMER_EVERY = 50;
const CUSTOMERS = 11;

export const EVENT_NAME = 'outage.call';

/**
 * Sends small batches through several senders until it is stopped. Half of the senders send a request that is refused (503) again with
 * the same ids, as a client should; the others give it up, as many do.
 */
export function startOutageLoad(chain: Pick<MeteringChain, 'request'>): OutageLoad {
  const acknowledged = new Map<string, SentEvent>();
  const order: SentEvent[] = [];
  const givenUp: SentEvent[][] = [];
  let [made, copies, refusals, over] = [0, 0, 0, false];

  const next = (): { event: SentEvent; isCopy: boolean } => {
    const number = made++;
    const earlier = number % COPY_EVERY === COPY_EVERY - 1 ? order[(number * 7919) % order.length] : undefined;
    if (earlier) return { event: earlier, isCopy: true };
    const customer = number % NEW_CUSTOMER_EVERY === 0 ? `new-${number}` : `customer-${number % CUSTOMERS}`;
    return { event: { id: `outage-${number}`, customer, tokens: 1 + (number % 9) }, isCopy: false };
  };

  /** True when it was accepted. */
  const attempt = async (events: readonly SentEvent[]): Promise<boolean> => {
    const { status, headers, body } = await chain.request('POST', '/v1/events/bulk', {
      events: events.map(({ id, customer, tokens }) => ({
        event_id: id,
        event_name: EVENT_NAME,
        external_customer_id: customer,
        properties: { tokens },
      })),
    });
    if (status === 202) return true;
    if (status !== 503 || body.code !== 'service_unavailable' || headers['Retry-After'] === undefined)
      throw new Error(`an answer that no outage explains: ${status} ${JSON.stringify(body)}`);
    refusals += 1;
    await wait(Number(headers['Retry-After']) * 1000);
    return false;
  };

  const sender = async (isPatient: boolean): Promise<void> => {
    for (; !over; await wait(PAUSE_MS)) {
      const items = Array.from({ length: PER_REQUEST }, next);
      const events = items.map(({ event }) => event);
      let accepted = await attempt(events);
      while (!accepted && isPatient) accepted = await attempt(events);
      const fresh = items.flatMap(({ event, isCopy }) => (isCopy ? [] : event));
      if (accepted) {
        copies += items.length - fresh.length;
        for (const event of fresh) acknowledged.set(event.id, event);
        order.push(...fresh);
      } else {
        givenUp.push(fresh);
      }
    }
  };

  const done = Promise.all(Array.from({ length: SENDERS }, (_, number) => sender(number % 2 === 0)))
    .then(() => undefined)
    .finally(() => {
      over = true;
    });
  // Who waits for it hears of it.
  done.catch(() => undefined);
  return {
    acknowledged,
    givenUp,
    done,
    copies: () => copies,
    refusals: () => refusals,
    stop: () => {
      over = true;
      return done;
    },
  };
}
