import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configLeaves, loadConfig } from '#platform/config/load.ts';
import { ENVIRONMENT_NAMES } from '../../infra/config/environments.ts';
import { startTestApi, type TestApi, toGatewayEvent } from '../support/api.ts';
import { startBuiltFunction } from '../support/built-function.ts';
import { deployedProcesses, onLocalEngines, RESOLVED_LATER, resolved, type Variables } from './deployed-processes.ts';
import { synthesised } from './synthesised.ts';

// What the templates tell each process, and what the processes understand, are one and the same.

const root = join(import.meta.dirname, '../..');
const POSTGRES = ['HOST', 'PORT', 'DATABASE', 'SSL', 'SSL_CA', 'AUTH', 'REGION'].map((key) => `FLEXPRICE_POSTGRES_${key}`);
const KAFKA = ['BROKERS', 'AUTH', 'SSL', 'REGION', 'REPLICATION_FACTOR'].map((key) => `FLEXPRICE_KAFKA_${key}`);
const CLICKHOUSE = ['URL', 'USER', 'PASSWORD'].map((key) => `FLEXPRICE_CLICKHOUSE_${key}`);
const COMMON = ['FLEXPRICE_DEPLOYMENT_MODE', 'FLEXPRICE_DEPLOYMENT_ENVIRONMENT'];
const TEMPORAL = ['ADDRESS', 'NAMESPACE', 'TLS'].map((key) => `FLEXPRICE_TEMPORAL_${key}`);
const OVERFLOW = 'FLEXPRICE_OVERFLOW_QUEUE_URL';
const OVERFLOW_DEAD_LETTERS = 'FLEXPRICE_OVERFLOW_DEAD_LETTER_QUEUE_URL';
/** What a process would do something else without than it should, such as using an engine of Local Mode. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  ingest: [...COMMON, ...POSTGRES, ...KAFKA, OVERFLOW],
  management: [...COMMON, ...POSTGRES, ...KAFKA, ...CLICKHOUSE, OVERFLOW],
  migrate: [...COMMON, ...POSTGRES, ...CLICKHOUSE, 'FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD', 'FLEXPRICE_BUILD_MIGRATIONS'],
  consumer: [...COMMON, ...POSTGRES, ...KAFKA, ...CLICKHOUSE],
  relay: [...COMMON, ...POSTGRES, ...KAFKA, ...CLICKHOUSE, ...TEMPORAL, OVERFLOW, OVERFLOW_DEAD_LETTERS],
  worker: [...COMMON, ...POSTGRES, ...KAFKA, ...CLICKHOUSE, ...TEMPORAL],
};
/** Read neither the configuration nor a file of it, but variables of their own. */
const WITHOUT_CONFIGURATION = ['kafka-bootstrap', 'canary'];

/** What a deploy would put in. */
const AT_DEPLOY: Variables = {
  FLEXPRICE_POSTGRES_HOST: 'database.example',
  FLEXPRICE_POSTGRES_PORT: '5432',
  FLEXPRICE_KAFKA_BROKERS: 'b-1.example:9098,b-2.example:9098',
  FLEXPRICE_OVERFLOW_QUEUE_URL: 'https://sqs.us-east-1.amazonaws.com/1/overflow',
  FLEXPRICE_OVERFLOW_DEAD_LETTER_QUEUE_URL: 'https://sqs.us-east-1.amazonaws.com/1/overflow-dead-letters',
  FLEXPRICE_TEMPORAL_ADDRESS: 'temporal.example:7233',
};
const secretsOf = (variables: Variables): Variables =>
  Object.fromEntries(
    configLeaves()
      .filter(({ variable, secret }) => secret && variables[variable] === RESOLVED_LATER)
      .map(({ variable }) => [variable, 'a-secret']),
  );

describe.each(ENVIRONMENT_NAMES)('%s', (env) => {
  test('has the processes that this test knows, and no others', () => {
    expect([...deployedProcesses(synthesised(env)).keys()].sort()).toEqual([...Object.keys(NEEDED), ...WITHOUT_CONFIGURATION].sort());
  });

  test.each(Object.entries(NEEDED))('%s gets a configuration that is complete, and nothing that it does not know', (name, needed) => {
    const variables = deployedProcesses(synthesised(env)).get(name) ?? {};
    expect(needed.filter((variable) => variables[variable] === undefined)).toEqual([]);
    // Throws for unknown variables and bad values.
    const config = loadConfig({ env: resolved(variables, { ...AT_DEPLOY, ...secretsOf(variables) }), file: 'no-such-file.yaml' });
    expect(config.deployment.environment).toBe(env);
    expect(config.postgres).toMatchObject({ auth: 'iam', ssl: true, ssl_ca: 'rds' });
    if (needed.includes('FLEXPRICE_KAFKA_AUTH')) expect(config.kafka).toMatchObject({ auth: 'iam', ssl: true });
    expect(config.deployment.mode).toBe(['consumer', 'relay', 'worker'].includes(name) ? name : 'api');
  });

  test.each(WITHOUT_CONFIGURATION)('%s reads every variable that it gets', (name) => {
    const folder = join(root, 'functions', name);
    const source = readdirSync(folder)
      .filter((file) => !file.endsWith('.test.ts'))
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join('\n');
    const given = Object.keys(deployedProcesses(synthesised(env)).get(name) ?? {}).filter((variable) => variable.startsWith('FLEXPRICE_'));
    expect(given.filter((variable) => !source.includes(variable))).toEqual([]);
  });

  test('the pools stay within what their processes need', () => {
    const processes = deployedProcesses(synthesised(env));
    expect(['ingest', 'management'].map((name) => processes.get(name)?.FLEXPRICE_POSTGRES_POOL_MAX)).toEqual(['1', '2']);
    expect(['ingest', 'management'].map((name) => processes.get(name)?.FLEXPRICE_POSTGRES_STATEMENT_TIMEOUT_MS)).toEqual([
      '10000',
      '10000',
    ]);
    // X-Ray's SDK is too heavy for the way of events.
    expect([...processes].filter(([, variables]) => variables.FLEXPRICE_TRACING_ENABLED === 'true').map(([name]) => name)).toEqual([
      'management',
    ]);
  });
});

describe('the entry points start with what production gives them, on local engines', () => {
  const ORIGIN = 'from-the-edge';
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi({ clickhouse: true });
  });
  afterAll(() => api.close());

  function local(name: string): NodeJS.ProcessEnv {
    const { postgres, clickhouse } = api.config;
    const variables = deployedProcesses(synthesised('prod')).get(name) ?? {};
    const values: Variables = {
      FLEXPRICE_POSTGRES_HOST: postgres.host ?? '',
      FLEXPRICE_POSTGRES_PORT: String(postgres.port),
      FLEXPRICE_POSTGRES_DATABASE: postgres.database,
      // The embedded server speaks no TLS and knows no IAM; the migrator has a password there and here.
      FLEXPRICE_POSTGRES_AUTH: 'password',
      FLEXPRICE_POSTGRES_SSL: 'false',
      FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD: postgres.migrator_password ?? '',
      FLEXPRICE_CLICKHOUSE_URL: clickhouse.url ?? '',
      FLEXPRICE_CLICKHOUSE_USER: clickhouse.user,
      FLEXPRICE_CLICKHOUSE_PASSWORD: '',
      // Nobody listens there: the functions ask for the log when there is something to write.
      FLEXPRICE_KAFKA_BROKERS: '127.0.0.1:1',
      FLEXPRICE_KAFKA_AUTH: 'none',
      FLEXPRICE_KAFKA_SSL: 'false',
      FLEXPRICE_OVERFLOW_QUEUE_URL: 'http://127.0.0.1:1/overflow',
      FLEXPRICE_SERVER_ORIGIN_VERIFY: `older,${ORIGIN}`,
      FLEXPRICE_AUTH_ROOT_KEY: 'sk_root',
      FLEXPRICE_BUILD_MIGRATIONS: join(root, 'migrations'),
    };
    // IAM has no password, the embedded server asks for one; and its ClickHouse database is this test's own.
    return {
      PATH: process.env.PATH,
      FLEXPRICE_CONFIG_FILE: '/dev/null',
      FLEXPRICE_POSTGRES_PASSWORD: postgres.password,
      FLEXPRICE_CLICKHOUSE_DATABASE: clickhouse.database,
      ...onLocalEngines(variables, values),
    };
  }
  const source = (name: string): string => join(root, 'functions', name, 'handler.ts');

  test('management answers a tenant that comes through the edge', async () => {
    const management = await startBuiltFunction(source('management'), local('management'));
    try {
      const list = async (headers: Record<string, string>) =>
        (await management.invoke(toGatewayEvent('GET', '/v1/customers', undefined, { 'x-api-key': api.key, ...headers }))).statusCode;
      expect([await list({ 'x-origin-verify': ORIGIN }), await list({})]).toEqual([200, 403]);
      // The root key is of the tenant that the template names.
      const tenant = await management.invoke(
        toGatewayEvent('GET', '/v1/environments', undefined, { 'x-api-key': 'sk_root', 'x-origin-verify': ORIGIN }),
      );
      expect(tenant.statusCode).toBe(200);
      const usage = await management.invoke(
        toGatewayEvent(
          'POST',
          '/v1/events/usage',
          { event_name: 'call', aggregation_type: 'COUNT', start_time: '2026-01-01T00:00:00Z', end_time: '2026-02-01T00:00:00Z' },
          { 'x-api-key': api.key, 'x-origin-verify': ORIGIN },
        ),
      );
      expect({ status: usage.statusCode, body: usage.body }).toMatchObject({ status: 200 });
    } finally {
      await management.stop();
    }
  });

  test('ingest knows the tenant, and says that neither Kafka nor SQS is there', async () => {
    const ingest = await startBuiltFunction(source('ingest'), {
      ...local('ingest'),
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    });
    try {
      const send = (key: string) =>
        ingest.invoke(
          toGatewayEvent(
            'POST',
            '/v1/events',
            { event_name: 'call', external_customer_id: 'c' },
            { 'x-api-key': key, 'x-origin-verify': ORIGIN },
          ),
        );
      expect((await send('sk_unknown')).statusCode).toBe(401);
      const refused = await send(api.key);
      expect([refused.statusCode, JSON.parse(refused.body)]).toEqual([503, expect.objectContaining({ details: { engine: 'event log' } })]);
    } finally {
      await ingest.stop();
    }
  });

  test('migrate finds both databases up to date', async () => {
    const answered = Promise.withResolvers<unknown>();
    const cloudFormation = createServer(async (request, response) => {
      answered.resolve(await json(request));
      response.end();
    }).listen(0, '127.0.0.1');
    await once(cloudFormation, 'listening');
    const migrate = await startBuiltFunction(source('migrate'), local('migrate'));
    try {
      await migrate.run({
        RequestType: 'Create',
        ResponseURL: `http://127.0.0.1:${(cloudFormation.address() as AddressInfo).port}/`,
        ResourceProperties: {},
      });
      expect(await answered.promise).toMatchObject({ Status: 'SUCCESS', Data: { Postgres: '0', ClickHouse: '0' } });
    } finally {
      await migrate.stop();
      cloudFormation.close();
    }
  });
});
