import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, createApp } from '#app/create-app.ts';
import { createAuditRepository } from '#audit/repository.ts';
import { systemContext } from '#kernel/context.ts';
import { childEnvironment } from '#local/supervisor/environment.ts';
import type { Config } from '#platform/config/schema.ts';
import { createTemporalClient } from '#platform/workflows/temporal/client.ts';
import { buildProcesses } from '../../build.ts';
import { deployedProcesses, onLocalEngines, type Variables } from '../infra/deployed-processes.ts';
import { synthesised } from '../infra/synthesised.ts';
import { type BuiltProcess, installTemporal, runBuiltProcess, startBuiltProcess } from '../support/built-process.ts';
import { createTestClickHouse, createTestPostgres, type TestClickHouse, type TestPostgres, testConfig } from '../support/engines.ts';
import { validEvent } from '../support/events.ts';
import { describeWithKafka, describeWithTemporal } from '../support/real-engines.ts';

// What the images hold, started as they start it: dist/workers alone, plain Node, the variables that production gives, real Kafka and Temporal.

const KEY = 'sk_built_processes_0123456789abcdef';
const START_MS = 120_000;
const WAIT = { timeout: 60_000, interval: 100 };
const YEAR = { start_time: '2026-01-01T00:00:00Z', end_time: '2027-01-01T00:00:00Z' };

describeWithKafka('the built processes', (kafka) => {
  describeWithTemporal('on Kafka and Temporal', (temporal) => {
    let folder: string;
    let workers: string;
    let postgres: TestPostgres;
    let analytics: TestClickHouse;
    let config: Config;
    let app: App;
    const running: BuiltProcess[] = [];

    /** What production tells the process, with local engines: not a variable more, but for the password that IAM has no need of. */
    const deployed = (name: 'consumer' | 'relay' | 'worker'): NodeJS.ProcessEnv => {
      const { postgres: database, clickhouse } = config;
      const values: Variables = {
        FLEXPRICE_POSTGRES_HOST: database.host ?? '',
        FLEXPRICE_POSTGRES_PORT: String(database.port),
        FLEXPRICE_POSTGRES_DATABASE: database.database,
        FLEXPRICE_POSTGRES_AUTH: 'password',
        FLEXPRICE_POSTGRES_SSL: 'false',
        FLEXPRICE_CLICKHOUSE_URL: clickhouse.url ?? '',
        FLEXPRICE_CLICKHOUSE_USER: clickhouse.user,
        FLEXPRICE_CLICKHOUSE_PASSWORD: '',
        FLEXPRICE_KAFKA_BROKERS: kafka().brokers.join(','),
        FLEXPRICE_KAFKA_AUTH: 'none',
        FLEXPRICE_KAFKA_SSL: 'false',
        // Nothing waits there, and nobody answers: the relay says so and goes on.
        FLEXPRICE_OVERFLOW_QUEUE_URL: 'http://127.0.0.1:1/overflow',
        FLEXPRICE_OVERFLOW_DEAD_LETTER_QUEUE_URL: 'http://127.0.0.1:1/overflow-dead-letters',
        FLEXPRICE_TEMPORAL_ADDRESS: temporal().address,
        FLEXPRICE_TEMPORAL_NAMESPACE: temporal().namespace,
        FLEXPRICE_TEMPORAL_TLS: 'false',
        FLEXPRICE_TEMPORAL_API_KEY: 'not-checked',
      };
      return {
        PATH: process.env.PATH,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        FLEXPRICE_CONFIG_FILE: '/dev/null',
        FLEXPRICE_POSTGRES_PASSWORD: database.password,
        FLEXPRICE_CLICKHOUSE_DATABASE: clickhouse.database,
        ...onLocalEngines(deployedProcesses(synthesised('prod')).get(name) ?? {}, values),
      };
    };
    const environment = (mode: Config['deployment']['mode']): NodeJS.ProcessEnv => ({
      ...childEnvironment({ ...config, deployment: { ...config.deployment, mode } }, { PATH: process.env.PATH }),
      FLEXPRICE_BUILD_MIGRATIONS: join(workers, 'migrations'),
    });
    const start = async (name: 'api' | 'consumer' | 'relay' | 'worker'): Promise<BuiltProcess> => {
      const started = await startBuiltProcess(workers, name, name === 'api' ? environment(name) : deployed(name));
      running.push(started);
      return started;
    };

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'flexprice-built-'));
      workers = join(folder, 'app');
      [postgres, analytics] = await Promise.all([createTestPostgres(), createTestClickHouse(), buildProcesses(join(folder, 'dist'))]);
      cpSync(join(folder, 'dist/workers'), workers, { recursive: true });
      installTemporal(join(workers, 'worker'));
      const { address } = temporal();
      const env = {
        FLEXPRICE_KAFKA_BROKERS: kafka().brokers.join(','),
        FLEXPRICE_TEMPORAL_ADDRESS: address,
        FLEXPRICE_SERVER_PORT: '0',
        FLEXPRICE_CONSUMER_MAX_WAIT_MS: '20',
        FLEXPRICE_SERVER_VALIDATE_RESPONSES: 'true',
      };
      config = { ...testConfig(env), postgres: postgres.config, clickhouse: analytics.config };
      app = createApp(config);
    }, START_MS);
    afterAll(async () => {
      await Promise.all(running.map((each) => each.stop()));
      await app?.close();
      await Promise.all([postgres?.drop(), analytics?.drop()]);
      if (folder) rmSync(folder, { recursive: true, force: true });
    }, START_MS);

    test(
      'take an event from the API to its usage and a change to the audit log, and stop when told',
      async () => {
        // Before all others, as in a deploy: it makes the topics.
        expect(await runBuiltProcess(workers, 'migrate', environment('api'))).toMatch(
          /Postgres: up to date\nClickHouse: up to date\nEvent log: \d+ topics are there/,
        );
        const { environments } = await app.tenancy.createTenant(systemContext('tenant_built', '', 'test'), { name: 'Built', key: KEY });
        const [api] = await Promise.all([start('api'), start('consumer'), start('relay'), start('worker')]);
        const request = async (
          method: string,
          path: string,
          body?: unknown,
        ): Promise<{ status: number; body: Record<string, unknown> }> => {
          const answer = await fetch(`http://127.0.0.1:${String(api.ready.port)}${path}`, {
            method,
            headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          });
          return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
        };

        expect(await request('GET', '/health/ready')).toMatchObject({ status: 200, body: { status: 'ready' } });
        const customer = await request('POST', '/v1/customers', { external_id: 'built', name: 'Built' });
        expect(customer.status).toBe(201);
        expect(
          (
            await request(
              'POST',
              '/v1/events',
              validEvent({ event_id: 'built-1', external_customer_id: 'built', timestamp: '2026-11-01T00:00:00Z' }),
            )
          ).status,
        ).toBe(202);
        const usage = async () =>
          (
            await request('POST', '/v1/events/usage', {
              event_name: 'call',
              external_customer_id: 'built',
              aggregation_type: 'COUNT',
              ...YEAR,
            })
          ).body.value;
        await expect.poll(usage, WAIT).toBe(1);

        const ctx = systemContext('tenant_built', environments[0]?.id ?? '', 'test');
        const audit = async () =>
          (await createAuditRepository(app.clickhouse).ofEntity(ctx, 'customer', String(customer.body.id))).map(
            ({ eventName }) => eventName,
          );
        await expect.poll(audit, WAIT).toEqual(['customer.created']);
        const client = await createTemporalClient({ ...config.temporal, address: temporal().address });
        try {
          const sweep = async () =>
            (await client.schedule.getHandle('subscription-billing').describe()).info.recentActions[0]?.action.workflow.workflowId;
          await expect.poll(sweep, WAIT).toBeDefined();
          expect(await client.workflow.getHandle((await sweep()) ?? '').result()).toEqual({ cycles: 0, drafts: 0 });
        } finally {
          await client.connection.close();
        }
        expect(await Promise.all(running.splice(0).map((each) => each.stop()))).toEqual([0, 0, 0, 0]);
      },
      START_MS,
    );
  });
});
