import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, createApp } from '#app';
import { createAuditRepository } from '#audit/repository.ts';
import { systemClock } from '#kernel/clock.ts';
import { systemContext } from '#kernel/context.ts';
import { childEnvironment } from '#local/supervisor/environment.ts';
import type { Config } from '#platform/config/schema.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import { createTemporalClient } from '#platform/workflows/temporal/client.ts';
import { createTestClickHouse, createTestPostgres, type TestClickHouse, type TestPostgres, testConfig } from '#test/support/engines.ts';
import { describeWithTemporal } from '#test/support/real-engines.ts';

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

/** The process as Local Mode and containers run it; resolves when it says that it is ready. */
async function startProcess(temporal: Partial<Config['temporal']> = {}): Promise<{ stop(): Promise<number | null> }> {
  const child: ChildProcess = fork(join(import.meta.dirname, '../../workers/worker/main.ts'), {
    env: childEnvironment({ ...config, temporal: { ...config.temporal, ...temporal } }), silent: true,
  });
  let output = '';
  child.stdout?.on('data', (text: Buffer) => { output += text; });
  child.stderr?.on('data', (text: Buffer) => { output += text; });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await new Promise<void>((resolve, reject) => {
    child.on('message', (message: { type?: string }) => { if (message.type === 'ready') resolve(); });
    void exited.then((code) => reject(new Error(`the worker ended with code ${code}:\n${output}`)));
  });
  return {
    stop: () => {
      child.send({ type: 'stop' });
      return exited;
    },
  };
}

async function auditOf(entityId: string): Promise<string[]> {
  return (await createAuditRepository(app.clickhouse).ofEntity(ctx, 'customer', entityId)).map((entry) => entry.eventName);
}

async function change(entityId: string): Promise<void> {
  await app.database.withTenant(ctx, (tx) => appendSystemEvent(tx, systemClock, { eventName: 'customer.created', entityType: 'customer', entityId, payload: {} }));
}

test('the worker process carries changes to the audit log, keeps the schedules, and stops when told', async () => {
  const running = await startProcess();
  await change('cust_1');
  await expect.poll(() => auditOf('cust_1'), WAIT).toEqual(['customer.created']);
  const sweeps = () => app.database.asSystem('test', (tx) => tx.selectFrom('jobRuns').select(['state', 'result']).where('scheduleId', '=', 'subscription-billing').execute());
  await expect.poll(sweeps, WAIT).toContainEqual({ state: 'completed', result: { cycles: 0, drafts: 0 } });
  expect(await running.stop()).toBe(0);
}, START_MS);

describeWithTemporal('with Temporal', (temporal) => {
  test('the same process runs the jobs there, on the same schedules', async () => {
    const { address } = temporal();
    const running = await startProcess({ address });
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
      expect(await client.workflow.getHandle(await sweep() ?? '').result()).toEqual({ cycles: 0, drafts: 0 });
    } finally {
      await client.connection.close();
    }
    expect(await running.stop()).toBe(0);
  }, START_MS);
});
