import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Config } from '#platform/config/schema.ts';
import type { LogRecord } from '#platform/event-log/event-log.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { createOverflow } from '#platform/event-log/create-overflow.ts';
import type { Overflow } from '#platform/event-log/overflow.ts';
import { createTestPostgres, type TestPostgres, testConfig } from '#test/support/engines.ts';
import { startOverflowReplay } from '#workers/relay/overflow-replay.ts';

const WAIT = { timeout: 20_000, interval: 20 };
let postgres: TestPostgres;
let overflow: Overflow;
beforeAll(async () => {
  postgres = await createTestPostgres();
  const config: Config = { ...testConfig(), postgres: postgres.config };
  overflow = await createOverflow(config);
});
afterAll(async () => {
  await overflow.close();
  await postgres.drop();
});

const record = (key: string): LogRecord => ({ key, value: Buffer.from(`value of ${key}`), headers: { tenant_id: 'tenant_1' } });

test('what ingest laid aside comes back into its topic once the log takes it again', async () => {
  let away = true;
  let probes = 0;
  let attempts = 0;
  const appended: string[] = [];
  const eventLog = {
    missingTopics: async () => {
      probes += 1;
      if (away) throw new Error('the log is away');
      return [];
    },
    append: async (topic: string, records: readonly LogRecord[]) => {
      attempts += 1;
      if (away) throw new Error('the log is away');
      appended.push(...records.map(({ key, value, headers }) => `${topic} ${key} ${value.toString()} ${headers.tenant_id}`));
    },
  };
  await overflow.put('events', [record('a'), record('b')]);
  await overflow.put('events_lazy', [record('c')]);
  const replay = startOverflowReplay({ overflow, eventLog, logger: silentLogger }, { pollMs: 20, longestMs: 100 });
  try {
    await expect.poll(() => probes, WAIT).toBeGreaterThan(2);
    // Nothing is taken out for a log that is not there.
    expect([attempts, appended]).toEqual([0, []]);
    away = false;
    await expect
      .poll(() => appended, WAIT)
      .toEqual(['events a value of a tenant_1', 'events b value of b tenant_1', 'events_lazy c value of c tenant_1']);
    // Nothing is left that would come a second time.
    expect(await overflow.take(async () => undefined, new AbortController().signal)).toBe(0);
  } finally {
    await replay.stop();
  }
});
