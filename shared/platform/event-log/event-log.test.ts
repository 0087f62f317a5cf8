import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import { expect, test } from 'vitest';
import { partitionOf } from './event-log.ts';

/** The oracle: kafkajs's own default partitioner. */
function kafkaPartition(key: string, partitions: number): number {
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 1,
    replicas: [1],
    isr: [1],
  }));
  return Partitioners.DefaultPartitioner()({ topic: 'events', partitionMetadata, message: { key, value: null } });
}

test("keys go where Kafka's default partitioner sends them", () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 96 }), (key, partitions) => {
      expect(partitionOf(key, partitions)).toBe(kafkaPartition(key, partitions));
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['', 8],
  ['a', 8],
  ['ab', 8],
  ['abc', 8],
  ['abcd', 8],
  ['tenant_1:env_1:customer-42', 48],
])('%j over %i partitions', (key, partitions) => {
  expect(partitionOf(key, partitions)).toBe(kafkaPartition(key, partitions));
});

test.each([0, -1, 1.5])('%d partitions are refused', (partitions) => {
  expect(() => partitionOf('key', partitions)).toThrow(RangeError);
});
