import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, configLeaves, loadConfig, maskConfig } from './load.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flexprice-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function yaml(text: string): string {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(file, text);
  return file;
}

function problemsOf(sources: Parameters<typeof loadConfig>[0]): readonly string[] {
  try {
    loadConfig(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const NO_FILE = 'no-such-file.yaml';

describe('precedence', () => {
  const file = () => yaml('billing:\n  sweep_seconds: 30\n  page_size: 10\nkafka:\n  brokers: [a:9092, b:9092]\n');

  test('defaults, where nothing is said', () => {
    const config = loadConfig({ env: {}, file: NO_FILE });
    expect(config.billing).toEqual({ sweep_seconds: 120, page_size: 100, finalization_delay_seconds: 7200 });
    expect(config.server.port).toBeUndefined();
    expect(config.deployment.mode).toBe('local');
  });

  test('the file wins over defaults, the environment over the file, value by value', () => {
    const config = loadConfig({ env: { FLEXPRICE_BILLING_SWEEP_SECONDS: '5' }, file: file() });
    expect(config.billing).toEqual({ sweep_seconds: 5, page_size: 10, finalization_delay_seconds: 7200 });
    expect(config.kafka.brokers).toEqual(['a:9092', 'b:9092']);
  });

  test('defaults of a mode stand between those of the schema and the file', () => {
    const defaults = { FLEXPRICE_BILLING_SWEEP_SECONDS: '7', FLEXPRICE_SERVER_VALIDATE_RESPONSES: 'true' };
    expect(loadConfig({ env: {}, file: NO_FILE, defaults }).billing.sweep_seconds).toBe(7);
    expect(loadConfig({ env: {}, file: file(), defaults }).billing.sweep_seconds).toBe(30);
    expect(loadConfig({ env: { FLEXPRICE_SERVER_VALIDATE_RESPONSES: 'false' }, file: NO_FILE, defaults }).server.validate_responses).toBe(
      false,
    );
  });

  test('an empty variable says nothing', () => {
    expect(loadConfig({ env: { FLEXPRICE_BILLING_SWEEP_SECONDS: '' }, file: file() }).billing.sweep_seconds).toBe(30);
  });

  test('the file may be named by the environment', () => {
    expect(loadConfig({ env: { FLEXPRICE_CONFIG_FILE: file() } }).billing.page_size).toBe(10);
  });
});

describe('values of the environment', () => {
  test('are read as what the schema says: lists, flags, numbers', () => {
    const config = loadConfig({
      env: {
        FLEXPRICE_KAFKA_BROKERS: ' a:1 , b:2,',
        FLEXPRICE_POSTGRES_SSL: 'true',
        FLEXPRICE_LOCAL_DEMO: 'false',
        FLEXPRICE_SERVER_PORT: '9090',
      },
      file: NO_FILE,
    });
    expect(config.kafka.brokers).toEqual(['a:1', 'b:2']);
    expect(config.postgres.ssl).toBe(true);
    expect(config.local.demo).toBe(false);
    expect(config.server.port).toBe(9090);
  });

  test('every leaf has one variable, made of its path', () => {
    const leaves = configLeaves();
    expect(leaves.find(({ path }) => path.join('.') === 'postgres.host')?.variable).toBe('FLEXPRICE_POSTGRES_HOST');
    expect(new Set(leaves.map(({ variable }) => variable)).size).toBe(leaves.length);
  });
});

describe('bad configurations', () => {
  test('all problems come at once, each with its path and variable', () => {
    const problems = problemsOf({
      env: { FLEXPRICE_SERVER_PORT: 'eighty', FLEXPRICE_POSTGRES_HOTS: 'db', FLEXPRICE_CLICKHOUSE_URL: 'not a url', UNRELATED: 'x' },
      file: yaml('billing:\n  page_size: 5000\n  pagesize: 3\nnonsense: {}\n'),
    });
    expect(problems).toHaveLength(6);
    expect(problems).toContain('FLEXPRICE_POSTGRES_HOTS: unknown environment variable; did you mean FLEXPRICE_POSTGRES_HOST?');
    expect(problems).toContain('billing.pagesize: unknown key; did you mean page_size?');
    expect(problems).toContain('nonsense: unknown key');
    for (const start of [
      'server.port (FLEXPRICE_SERVER_PORT): ',
      'clickhouse.url (FLEXPRICE_CLICKHOUSE_URL): ',
      'billing.page_size (FLEXPRICE_BILLING_PAGE_SIZE): ',
    ]) {
      expect(problems.some((problem) => problem.startsWith(start))).toBe(true);
    }
  });

  test('the message lists them', () => {
    const sources = { env: { FLEXPRICE_SERVER_PORT: '70000', FLEXPRICE_X: '1' }, file: NO_FILE };
    expect(() => loadConfig(sources)).toThrow(/has 2 problems:\n {2}- .*\n {2}- /);
  });

  test.each([
    ['- a\n- b\n', 'must hold a map of sections'],
    ['a: [', '.yaml: '],
  ])('a file that is no configuration: %j', (text, message) => {
    expect(problemsOf({ env: {}, file: yaml(text) })[0]).toContain(message);
  });

  test.each(['2', 'yes', 'TRUE'])('a flag is true or false, not %s', (value) => {
    expect(problemsOf({ env: { FLEXPRICE_POSTGRES_SSL: value }, file: NO_FILE })).toHaveLength(1);
  });

  test.each([
    ['FLEXPRICE_LOCAL_DEMO', 'maybe', 'local.demo (FLEXPRICE_LOCAL_DEMO): must be true or false, not "maybe"'],
    ['FLEXPRICE_SERVER_PORT', 'eighty', 'server.port (FLEXPRICE_SERVER_PORT): must be a whole number from 0 to 65535, not "eighty"'],
    ['FLEXPRICE_SERVER_PORT', '70000', 'server.port (FLEXPRICE_SERVER_PORT): must be a whole number from 0 to 65535, not "70000"'],
    ['FLEXPRICE_SERVER_PORT', '0x50', 'server.port (FLEXPRICE_SERVER_PORT): must be a whole number from 0 to 65535, not "0x50"'],
    ['FLEXPRICE_POSTGRES_POOL_MAX', '0', 'postgres.pool_max (FLEXPRICE_POSTGRES_POOL_MAX): must be a whole number from 1 on, not "0"'],
    ['FLEXPRICE_LOG_LEVEL', 'debug', 'log.level (FLEXPRICE_LOG_LEVEL): must be one of DEBUG, INFO, WARN, ERROR, not "debug"'],
    // An address may hold a password: it is not repeated.
    [
      'FLEXPRICE_CLICKHOUSE_URL',
      'me:secret@db',
      'clickhouse.url (FLEXPRICE_CLICKHOUSE_URL): must be an address that begins with http:// or https://',
    ],
    ['FLEXPRICE_SERVR_PORT', '80', 'FLEXPRICE_SERVR_PORT: unknown environment variable; did you mean FLEXPRICE_SERVER_PORT?'],
    ['FLEXPRICE_NOTHING_LIKE_IT', '80', 'FLEXPRICE_NOTHING_LIKE_IT: unknown environment variable'],
  ])('%s=%s says what is right', (variable, value, problem) => {
    expect(problemsOf({ env: { [variable]: value }, file: NO_FILE })).toEqual([problem]);
  });

  test('a file is told the same: of a section that is none, of a value and of a section with a typing error', () => {
    expect(problemsOf({ env: {}, file: yaml('server: 8080\nlocal: { demo: 1 }\npostgers: { host: db }\n') })).toEqual([
      'server: must be a map of its keys',
      'local.demo (FLEXPRICE_LOCAL_DEMO): must be true or false, not 1',
      'postgers: unknown key; did you mean postgres?',
    ]);
  });

  test('every value says in words what it takes', () => {
    expect(configLeaves().filter(({ expects }) => expects === undefined)).toEqual([]);
  });

  test('variables of scripts and tests are no configuration', () => {
    expect(problemsOf({ env: { FLEXPRICE_TEST_KAFKA: '1', FLEXPRICE_BUILD_MIGRATIONS: 'x' }, file: NO_FILE })).toEqual([]);
  });
});

test('masking hides every secret that is set, and nothing else', () => {
  const secrets = configLeaves().filter(({ secret }) => secret);
  expect(secrets.map(({ variable }) => variable)).toEqual(
    expect.arrayContaining([
      'FLEXPRICE_LOCAL_API_KEY',
      'FLEXPRICE_POSTGRES_PASSWORD',
      'FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD',
      'FLEXPRICE_CLICKHOUSE_PASSWORD',
      'FLEXPRICE_TEMPORAL_API_KEY',
      'FLEXPRICE_AUTH_ROOT_KEY',
    ]),
  );
  const env = Object.fromEntries(secrets.map(({ variable }) => [variable, 'do-not-show']));
  const config = loadConfig({ env: { ...env, FLEXPRICE_POSTGRES_USER: 'somebody' }, file: NO_FILE });
  const shown = JSON.stringify(maskConfig(config));
  expect(shown).not.toContain('do-not-show');
  expect(shown).toContain('somebody');
  expect(shown.match(/\*{8}/g)).toHaveLength(secrets.length);
  expect(config.postgres.password).toBe('do-not-show');
});

test('a secret that is not set is not shown as one', () => {
  expect(maskConfig(loadConfig({ env: {}, file: NO_FILE }))).not.toHaveProperty('postgres.password');
});
