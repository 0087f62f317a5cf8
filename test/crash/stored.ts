import type { Host } from './host.ts';
import { CrashMismatch } from './mismatch.ts';
import type { Plan } from './plan.ts';

/** An event as the API shows it. */
export interface StoredEvent {
  readonly id: string;
  readonly eventName: string;
  readonly customer: string;
  readonly at: number;
  readonly properties: Readonly<Record<string, unknown>>;
}

interface Page {
  readonly events: readonly {
    id: string;
    event_name: string;
    external_customer_id: string;
    timestamp: string;
    properties: Record<string, unknown>;
  }[];
  readonly has_more: boolean;
  readonly iter_last_key?: string;
}

/** Asks the API; numbers of the answer come as their text, with all their digits. Nothing is killed any more, so only a good answer will do. */
export async function ask(host: Pick<Host, 'url' | 'apiKey'>, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${host.url}${path}`, {
    headers: { 'x-api-key': host.apiKey, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok && answer.status !== 404) {
    throw new CrashMismatch('a question was not answered', [
      {
        kind: 'bad answer',
        what: `${path} ${JSON.stringify(body ?? {})}`,
        expected: '200',
        actual: `${answer.status} ${text.slice(0, 300)}`,
        events: [],
      },
    ]);
  }
  const exact = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' ? (context?.source ?? value) : value;
  return { status: answer.status, body: JSON.parse(text, exact as (key: string, value: unknown) => unknown) };
}

/** All stored events of the plan's customers, as `POST /v1/events/query` lists them. */
export async function storedEvents(host: Pick<Host, 'url' | 'apiKey'>, plan: Plan): Promise<StoredEvent[]> {
  const lists = await Promise.all(
    plan.customers.map(async (customer) => {
      const found: StoredEvent[] = [];
      for (let cursor: string | undefined, more = true; more; ) {
        const page = (
          await ask(host, '/v1/events/query', {
            external_customer_id: customer,
            page_size: 50,
            // Of all time: without it the last thirty days are listed.
            start_time: '2000-01-01T00:00:00Z',
            order: 'asc',
            ...(cursor === undefined ? {} : { iter_last_key: cursor }),
          })
        ).body as Page;
        found.push(
          ...page.events.map((event) => ({
            id: event.id,
            eventName: event.event_name,
            customer: event.external_customer_id,
            at: Date.parse(event.timestamp),
            properties: event.properties,
          })),
        );
        more = page.has_more;
        cursor = page.iter_last_key;
      }
      return found;
    }),
  );
  return lists.flat();
}

/** What the API says of an id: `processed`, `processing` (claimed, but not stored) or `not found`. */
export async function statusOf(host: Pick<Host, 'url' | 'apiKey'>, id: string): Promise<string> {
  const { status, body } = await ask(host, `/v1/events/lookup?id=${encodeURIComponent(id)}`);
  return status === 404 ? 'not found' : (body as { status: string }).status;
}
