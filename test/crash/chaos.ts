import { setTimeout as wait } from 'node:timers/promises';
import { until } from '#local/engines/process.ts';
import type { Host } from './host.ts';
import type { Action } from './plan.ts';

/** How far the load is; what is still to be done when it is over is done then. */
export interface Progress {
  answered(): number;
  over(): boolean;
}

const LONGEST_LOAD_MS = 120_000;

/** Does to the processes what a plan says, at its moments. Answers how many were killed. */
export async function runActions(host: Host, actions: readonly Action[], { answered, over }: Progress): Promise<number> {
  let kills = 0;
  for (const action of actions) {
    await until(() => over() || answered() >= action.afterRequests, LONGEST_LOAD_MS, 5);
    await wait(action.delayMs);
    switch (action.kind) {
      case 'kill':
        if (await host.kill(action.process)) kills += 1;
        break;
      case 'consumer joins':
        await join(host);
        break;
      case 'consumer leaves':
        if ((await host.removeConsumer(action.how)) && action.how === 'kill') kills += 1;
    }
  }
  return kills;
}

/** A consumer that starts while its log is down ends, as it does in production, where something starts it again. */
async function join(host: Host): Promise<void> {
  const joined = await until(
    () =>
      host.addConsumer().then(
        () => true,
        (error: Error) => {
          host.log(`a consumer could not join: ${error.message}`);
          return false;
        },
      ),
    30_000,
    100,
  );
  if (!joined) throw new Error('no consumer could join for half a minute');
}
