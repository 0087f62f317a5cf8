import type { Decimal } from '#kernel/decimal.ts';
import { type Measurement, measurement, percentiles, timed } from './figures.ts';
import { customerId } from './stored-events.ts';

type Answer = (customer: string) => Promise<Decimal>;

/** The endpoint and hand-written SQL answer the same question in turns, about one customer after the other. Throws when they do not come to the same number. */
export async function inTurns(
  name: string,
  rounds: number,
  customers: number,
  { ours, byHand }: { readonly ours: Answer; readonly byHand: Answer },
): Promise<Measurement> {
  const [mine, theirs]: [number[], number[]] = [[], []];
  for (let round = -3; round < rounds; round++) {
    const customer = customerId((Math.abs(round) * 7919) % customers);
    const answers: Decimal[] = [];
    const times = [
      await timed(async () => answers.push(await ours(customer))),
      await timed(async () => answers.push(await byHand(customer))),
    ] as const;
    if (!answers[0]?.eq(answers[1] ?? NaN) || answers[0].isZero())
      throw new Error(`${name}: the endpoint says ${answers[0]}, the SQL says ${answers[1]}`);
    if (round < 0) continue; // warm-up
    mine.push(times[0]);
    theirs.push(times[1]);
  }
  return measurement(name, percentiles(mine), 'hand-written SQL', percentiles(theirs));
}
