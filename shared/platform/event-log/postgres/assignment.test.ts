import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type GroupPartition, planAssignment } from './assignment.ts';

const scenario = fc.record({
  partitions: fc.integer({ min: 1, max: 20 }),
  members: fc.uniqueArray(
    fc.integer({ min: 1, max: 9 }).map((n) => `m${n}`),
    { minLength: 1, maxLength: 6 },
  ),
  owners: fc.array(fc.integer({ min: -1, max: 5 }), { minLength: 20, maxLength: 20 }),
});

test('when every member follows its plan, all partitions are owned and the shares differ by one at most', () => {
  fc.assert(
    fc.property(scenario, ({ partitions, members, owners }) => {
      const live = members.map((id) => ({ id, topics: ['events'] }));
      let state: GroupPartition[] = Array.from({ length: partitions }, (_, partition) => ({
        topic: 'events',
        partition,
        owner: members[owners[partition] ?? -1] ?? null,
      }));
      for (let round = 0; round < 2; round += 1) {
        for (const me of members) {
          const { claim, release } = planAssignment(me, live, state);
          state = state.map((each) =>
            claim.includes(each) ? { ...each, owner: me } : release.includes(each) ? { ...each, owner: null } : each,
          );
        }
      }
      const shares = members.map((me) => state.filter(({ owner }) => owner === me).length);
      expect(state.every(({ owner }) => owner !== null)).toBe(true);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      for (const me of members) expect(planAssignment(me, live, state)).toEqual({ claim: [], release: [] });
    }),
  );
});

test('only members that read a topic share it', () => {
  const members = [
    { id: 'a', topics: ['events'] },
    { id: 'b', topics: ['system_events'] },
  ];
  const partitions = [
    { topic: 'events', partition: 0, owner: null },
    { topic: 'system_events', partition: 0, owner: null },
  ];
  expect(planAssignment('a', members, partitions).claim).toEqual([partitions[0]]);
  expect(planAssignment('b', members, partitions).claim).toEqual([partitions[1]]);
});

test('nothing is taken from a live member', () => {
  const members = [
    { id: 'a', topics: ['events'] },
    { id: 'b', topics: ['events'] },
  ];
  const partitions = [0, 1].map((partition) => ({ topic: 'events', partition, owner: 'a' }));
  expect(planAssignment('b', members, partitions).claim).toEqual([]);
});
