import { setTimeout as delay } from 'node:timers/promises';
import { sampleEvents } from './sample-events.ts';
import type { Server } from './surroundings.ts';

/** Small, so that making one does not hold up what is measured in the same process. */
const BODY_EVENTS = 100;

/** Sends bulks of new events at a steady rate until it is stopped, so that what is measured beside it has company. */
export function steadyIngest(
  server: Server,
  headers: Readonly<Record<string, string>>,
  perSecond: number,
  firstIndex: number,
  customers: number,
) {
  let stopped = false;
  let sent = 0;
  const running = (async (): Promise<void> => {
    const started = performance.now();
    while (!stopped) {
      await sendBulk(server, headers, JSON.stringify({ events: sampleEvents(firstIndex + sent, BODY_EVENTS, customers) }));
      sent += BODY_EVENTS;
      await delay(Math.max(0, started + (sent / perSecond) * 1000 - performance.now()));
    }
  })();
  running.catch(() => undefined); // told by `stop`
  return {
    sent: (): number => sent,
    /** Throws when a bulk was refused. */
    async stop(): Promise<void> {
      stopped = true;
      await running;
    },
  };
}

/** One bulk request; throws when it is not accepted. */
export async function sendBulk({ url }: Server, headers: Readonly<Record<string, string>>, body: string): Promise<void> {
  const answer = await fetch(`${url}/v1/events/bulk`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  const text = await answer.text();
  if (answer.status !== 202) throw new Error(`a bulk was answered ${answer.status} ${text}`);
}
