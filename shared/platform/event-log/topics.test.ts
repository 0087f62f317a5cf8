import { expect, test } from 'vitest';
import { loadConfig } from '#platform/config/load.ts';
import { dlqOf, TOPICS, topicSpecs } from './topics.ts';

const specs = (env: Record<string, string>) => topicSpecs(loadConfig({ env, file: 'no-such-file.yaml' }));
const KAFKA = { FLEXPRICE_KAFKA_BROKERS: 'b1:9098' };

test.each([
  ['embedded', {}],
  ['development', { ...KAFKA, FLEXPRICE_DEPLOYMENT_ENVIRONMENT: 'dev' }],
  ['production', { ...KAFKA, FLEXPRICE_DEPLOYMENT_ENVIRONMENT: 'prod' }],
])('%s: every topic has a dead-letter topic that is kept longer', (_, env) => {
  const byName = new Map(specs(env).map((spec) => [spec.name, spec]));
  expect(byName.size).toBe(8);
  for (const topic of Object.values(TOPICS)) {
    expect(byName.get(dlqOf(topic))?.retentionHours).toBeGreaterThan(byName.get(topic)?.retentionHours ?? Number.POSITIVE_INFINITY);
  }
});

test('production has as many partitions of events as its consumers may grow to', () => {
  const partitions = (env: Record<string, string>) => specs(env).find(({ name }) => name === TOPICS.events)?.partitions;
  expect(partitions({ ...KAFKA, FLEXPRICE_DEPLOYMENT_ENVIRONMENT: 'prod' })).toBe(48);
  expect(partitions({ ...KAFKA, FLEXPRICE_DEPLOYMENT_ENVIRONMENT: 'dev' })).toBe(12);
  expect(partitions({})).toBe(8);
});
