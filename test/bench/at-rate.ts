import { setTimeout as delay } from 'node:timers/promises';
import { type Figures, percentiles } from './figures.ts';

/** Starts the work so many times a second, whether or not the earlier ones are done, and measures each from the time it was due. */
export async function atRate(work: (round: number) => Promise<void>, perSecond: number, seconds: number): Promise<Figures> {
  const started = performance.now();
  const durations: number[] = [];
  const pending: Promise<void>[] = [];
  for (let round = 0; round < perSecond * seconds; round += 1) {
    const due = started + (round * 1000) / perSecond;
    const ahead = due - performance.now();
    if (ahead > 1) await delay(ahead);
    // A timer may fire a little early: then the work began before it was due.
    const from = Math.min(due, performance.now());
    pending.push(
      work(round).then(() => {
        durations.push(performance.now() - from);
      }),
    );
  }
  await Promise.all(pending);
  return percentiles(durations);
}
