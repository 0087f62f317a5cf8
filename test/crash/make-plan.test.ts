import { describe, expect, test } from 'vitest';
import { makePlan } from './make-plan.ts';

const processes = ['api', 'consumer', 'postgres'];
const SEEDS = Array.from({ length: 30 }, (_, index) => index + 1);

describe('the plan of a seed', () => {
  test('is plain data, and the same each time', () => {
    expect(makePlan(7, { processes })).toEqual(makePlan(7, { processes }));
    expect(JSON.parse(JSON.stringify(makePlan(7, { processes })))).toEqual(makePlan(7, { processes }));
    expect(makePlan(8, { processes })).not.toEqual(makePlan(7, { processes }));
  });

  test('never waits for a request that is dealt out later', () => {
    for (const seed of SEEDS)
      for (const { index, after } of makePlan(seed, { processes }).requests) expect(after.every((other) => other < index)).toBe(true);
  });

  test('holds copies at other times, also in other months, within one request and in later ones', () => {
    for (const seed of SEEDS) {
      const { requests } = makePlan(seed, { processes });
      const copies = [
        ...Map.groupBy(
          requests.flatMap(({ index, events }) => events.map((event) => ({ index, event }))),
          ({ event }) => event.id,
        ).values(),
      ].filter((same) => same.length > 1);
      const total = requests.reduce((sum, { events }) => sum + events.length, 0);
      expect(total).toBeGreaterThan(1_000);
      expect(copies.length).toBeGreaterThan(total * 0.02);
      expect(copies.some((same) => new Set(same.map(({ event }) => new Date(event.at).getUTCMonth())).size > 1)).toBe(true);
      expect(copies.some((same) => new Set(same.map(({ event }) => event.at)).size === 1)).toBe(true);
      expect(copies.some((same) => new Set(same.map(({ index }) => index)).size < same.length)).toBe(true);
      expect(copies.some((same) => new Set(same.map(({ index }) => index)).size > 1)).toBe(true);
    }
  });

  test('kills every process that there is, over the seeds', () => {
    const killed = SEEDS.flatMap((seed) => makePlan(seed, { processes }).actions).flatMap((action) =>
      action.kind === 'kill' ? [action.process] : [],
    );
    expect(new Set(killed)).toEqual(new Set(processes));
  });
});
