import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, createApp } from '#app/create-app.ts';
import { createAuditRepository } from '#audit/repository.ts';
import { systemClock } from '#kernel/clock.ts';
import { systemContext } from '#kernel/context.ts';
import type { Config } from '#platform/config/schema.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import { createTemporalClient } from '#platform/workflows/temporal/client.ts';
import { missedStarts, taskQueueBacklog } from '#platform/workflows/temporal/observe.ts';
import { upsertSchedules } from '#platform/workflows/temporal/schedules.ts';
import { createTestClickHouse, createTestPostgres, type TestClickHouse, type TestPostgres, testConfig } from '#test/support/engines.ts';
import { describeWithTemporal } from '#test/support/real-engines.ts';
import { startSourceProcess } from '#test/support/source-process.ts';

const WAIT = { timeout: 20_000, interval: 50 };
const START_MS = 60_000;
const ctx = systemContext('tenant_1', 'env_1', 'req_1');
let postgres: TestPostgres;
let analytics: TestClickHouse;
let config: Config;
let app: App;
beforeAll(async () => {
  [postgres, analytics] = await Promise.all([createTestPostgres(), createTestClickHouse()]);
  config = { ...testConfig({ FLEXPRICE_DEPLOYMENT_MODE: 'worker' }), postgres: postgres.config, clickhouse: analytics.config };
  app = createApp(config);
  await (await app.eventLog).ensureTopics(topicSpecs(config));
});
afterAll(async () => {
  await app.close();
  await Promise.all([postgres.drop(), analytics.drop()]);
});

/** Both processes as Local Mode and containers run them: the one that starts jobs, and the one that runs them. */
async function startProcesses(temporal: Partial<Config['temporal']> = {}): Promise<{ stop(): Promise<number[]> }> {
  const told = { ...config, temporal: { ...config.temporal, ...temporal } };
  const running = await Promise.all([startSourceProcess('relay', told), startSourceProcess('worker', told)]);
  return { stop: () => Promise.all(running.map((each) => each.stop())) };
}

async function auditOf(entityId: string): Promise<string[]> {
  return (await createAuditRepository(app.clickhouse).ofEntity(ctx, 'customer', entityId)).map((entry) => entry.eventName);
}

async function change(entityId: string): Promise<void> {
  await app.database.withTenant(ctx, (tx) =>
    appendSystemEvent(tx, systemClock, { eventName: 'customer.created', entityType: 'customer', entityId, payload: {} }),
  );
}

test(
  'the relay carries changes to the audit log, the worker keeps the schedules, and both stop when told',
  async () => {
    const running = await startProcesses();
    await change('cust_1');
    await expect.poll(() => auditOf('cust_1'), WAIT).toEqual(['customer.created']);
    const sweeps = () =>
      app.database.asSystem('test', (tx) =>
        tx.selectFrom('jobRuns').select(['state', 'result']).where('scheduleId', '=', 'subscription-billing').execute(),
      );
    await expect.poll(sweeps, WAIT).toContainEqual({ state: 'completed', result: { cycles: 0, drafts: 0 } });
    expect(await running.stop()).toEqual([0, 0]);
  },
  START_MS,
);

test(
  'the relay goes on while Temporal is away',
  async () => {
    // Nobody listens there, so a worker would not even start.
    const relay = await startSourceProcess('relay', { ...config, temporal: { ...config.temporal, address: '127.0.0.1:1' } });
    await change('cust_without_temporal');
    await expect.poll(() => auditOf('cust_without_temporal'), WAIT).toEqual(['customer.created']);
    expect(await relay.stop()).toBe(0);
  },
  START_MS,
);

test(
  'a process that runs is well to the health check of its container, and one that stopped is not',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flexprice-health-'));
    const file = join(folder, 'alive');
    const check = (): number | null =>
      spawnSync(process.execPath, [join(import.meta.dirname, '../../workers/health-check.mjs')], {
        env: { FLEXPRICE_DEPLOYMENT_HEALTH_FILE: file },
      }).status;
    try {
      expect(check()).toBe(1);
      const relay = await startSourceProcess('relay', { ...config, deployment: { ...config.deployment, health_file: file } });
      expect(check()).toBe(0);
      expect(await relay.stop()).toBe(0);
      const old = DateTime.utc().minus({ minutes: 2 }).toJSDate();
      utimesSync(file, old, old);
      expect(check()).toBe(1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  START_MS,
);

describeWithTemporal('with Temporal', (temporal) => {
  test(
    'the same processes run the jobs there, on the same schedules',
    async () => {
      const { address } = temporal();
      const running = await startProcesses({ address });
      await change('cust_2');
      await expect.poll(() => auditOf('cust_2'), WAIT).toEqual(['customer.created']);
      const client = await createTemporalClient({ ...config.temporal, address });
      try {
        const schedule = client.schedule.getHandle('subscription-billing');
        const { action, policies, spec } = await schedule.describe();
        expect(action).toMatchObject({ type: 'startWorkflow', workflowType: 'billing-sweep', taskQueue: config.temporal.task_queue });
        expect(policies.overlap).toBe('SKIP');
        expect(spec.intervals).toMatchObject([{ every: config.billing.sweep_seconds * 1000 }]);
        const sweep = async () => (await schedule.describe()).info.recentActions[0]?.action.workflow.workflowId;
        await expect.poll(sweep, WAIT).toBeDefined();
        expect(await client.workflow.getHandle((await sweep()) ?? '').result()).toEqual({ cycles: 0, drafts: 0 });
      } finally {
        await client.connection.close();
      }
      expect(await running.stop()).toEqual([0, 0]);
    },
    START_MS,
  );

  test(
    'what waits on a task queue without workers is its backlog, and a schedule whose run never ends misses its starts',
    async () => {
      const { address } = temporal();
      const client = await createTemporalClient({ ...config.temporal, address });
      const schedule = { id: 'never-run', job: 'nothing', everySeconds: 1, input: {} };
      try {
        expect(await taskQueueBacklog(client, 'nobody-polls')).toBe(0);
        for (const id of ['w1', 'w2', 'w3']) await client.workflow.start('nothing', { taskQueue: 'nobody-polls', workflowId: id });
        await expect.poll(() => taskQueueBacklog(client, 'nobody-polls'), WAIT).toBe(3);
        await upsertSchedules(client, [schedule], 'nobody-polls-either');
        await expect.poll(() => missedStarts(client, [schedule]), WAIT).toBeGreaterThan(0);
        await client.schedule.getHandle(schedule.id).delete();
      } finally {
        await client.connection.close();
      }
    },
    START_MS,
  );
});
