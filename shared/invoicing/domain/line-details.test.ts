import { expect, test } from 'vitest';
import type { LineCalculation } from '#charges/domain/calculation.ts';
import { decimal } from '#kernel/decimal.ts';
import { bounded, detailsOf, EMBEDDED_DETAILS } from './line-details.ts';

const calculationOf = (buckets: readonly number[]) =>
  ({ usage: { readings: [], buckets: buckets.map((bucket) => decimal(bucket)) }, commitment: null }) as unknown as LineCalculation;
const many = Array.from({ length: EMBEDDED_DETAILS + 1 }, (_, index) => index);

test('few buckets stay in the calculation, more stand beside it, and nothing else changes', () => {
  const few = calculationOf(many.slice(1));
  expect(bounded(few)).toEqual({ calculation: few, details: [] });
  expect(detailsOf(few, 'buckets')).toHaveLength(EMBEDDED_DETAILS);
  const { calculation, details } = bounded(calculationOf(many));
  expect(calculation).toEqual({
    usage: { readings: [], buckets: null, bucketsBeside: { count: EMBEDDED_DETAILS + 1, digest: expect.any(String) } },
    commitment: null,
  });
  expect(details).toEqual([{ kind: 'buckets', entries: many.map((bucket) => decimal(bucket)) }]);
  expect(detailsOf(calculation, 'buckets')).toMatchObject({ count: EMBEDDED_DETAILS + 1 });
  expect(bounded(calculation)).toEqual({ calculation, details: [] });
});

test('buckets that change places are other buckets, though they have the same sum', () => {
  expect(bounded(calculationOf(many)).calculation).not.toEqual(bounded(calculationOf(many.toReversed())).calculation);
  expect(bounded(calculationOf(many)).calculation).toEqual(bounded(calculationOf([...many])).calculation);
});
