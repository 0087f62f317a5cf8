import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '#platform/config/load.ts';

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly target: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
  readonly ports?: readonly string[];
  readonly profiles?: readonly string[];
  readonly volumes?: readonly string[];
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const root = join(import.meta.dirname, '../..');
const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as Compose;
const dockerfile = readFileSync(join(root, 'workers/Dockerfile'), 'utf8');
const ours = Object.entries(compose.services).filter(([, { build }]) => build !== undefined);

/** `${NAME:-default}` as docker would read it without variables. */
const withDefaults = (value: string): string => value.replace(/\$\{\w+:-([^}]*)\}/g, '$1');

if (spawnSync('docker', ['compose', 'version']).status === 0) {
  test('docker compose accepts the file', () => {
    expect(execFileSync('docker', ['compose', '--profile', 'dev', 'config', '-q'], { cwd: root, stdio: 'pipe' }).toString()).toBe('');
  });
}

test('the real servers and our processes are there, with the user interfaces on their ports', () => {
  expect(Object.keys(compose.services).sort()).toEqual([
    'api',
    'clickhouse',
    'consumer',
    'kafka',
    'kafka-ui',
    'migrate',
    'postgres',
    'relay',
    'temporal',
    'worker',
  ]);
  expect(compose.services.temporal?.ports).toContain('127.0.0.1:8088:8088');
  expect(compose.services['kafka-ui']).toMatchObject({ profiles: ['dev'], ports: ['127.0.0.1:8084:8080'] });
});

test('only the API listens beyond this machine', () => {
  for (const [name, { ports = [] }] of Object.entries(compose.services)) {
    for (const port of ports) if (name !== 'api') expect(port, name).toMatch(/^127\.0\.0\.1:/);
  }
});

test('engines keep their data in declared volumes and say when they are ready', () => {
  for (const name of ['postgres', 'clickhouse', 'kafka', 'temporal']) {
    const { volumes = [], healthcheck } = compose.services[name] as Service;
    expect(healthcheck, name).toBeDefined();
    expect(Object.keys(compose.volumes), name).toContain(volumes[0]?.split(':')[0]);
  }
});

test('every dependency exists, and one that must be healthy can be', () => {
  for (const [name, { depends_on = {} }] of Object.entries(compose.services)) {
    for (const [dependency, { condition }] of Object.entries(depends_on)) {
      expect(compose.services[dependency], `${name} -> ${dependency}`).toBeDefined();
      if (condition === 'service_healthy') expect(compose.services[dependency]?.healthcheck, `${name} -> ${dependency}`).toBeDefined();
    }
  }
});

describe.each(ours)('%s', (name, { build, environment = {} }) => {
  test('is a target of the Dockerfile that runs without root', () => {
    expect(build?.context).toBe('dist/workers');
    const stage = new RegExp(`^FROM base AS ${build?.target}\\n((?!FROM)[^\\n]*\\n)*CMD \\["node", "${name}/index.mjs"\\]`, 'm');
    expect(dockerfile).toMatch(stage);
    expect(dockerfile).toMatch(/AS base\n(?:(?!FROM)[^\n]*\n)*USER 1000:1000/);
  });

  test('its settings are a configuration that uses no embedded engine', () => {
    const env = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, withDefaults(value)]));
    const config = loadConfig({ env, file: 'no-such-file.yaml' });
    expect(config.postgres.host).toBe('postgres');
    expect(config.clickhouse.url).toBe('http://clickhouse:8123');
    expect(config.kafka.brokers).toEqual(['kafka:29092']);
    expect(config.temporal.address).toBe('temporal:7233');
  });
});
