import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../infra/app.ts';
import { dev } from '../../infra/config/dev.ts';
import { ENVIRONMENT_NAMES, environmentConfig, parseEnvironment } from '../../infra/config/environments.ts';
import { prod } from '../../infra/config/prod.ts';

interface Resource { readonly Type: string; readonly Properties?: Record<string, unknown>; readonly DeletionPolicy?: string }
type Resources = Record<string, Resource>;

const root = join(import.meta.dirname, '../..');
const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> };
let folder: string;
let dist: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flexprice-synth-'));
  // The shape of dist/ is enough for a template: build.test.ts looks at what is in it.
  dist = join(folder, 'dist');
  for (const name of ['ingest', 'management', 'migrate', 'kafka-bootstrap']) write(join(dist, 'functions', name), 'index.mjs', `export const handler = () => '${name}';\n`);
  write(join(dist, 'functions/migrate/migrations/postgres'), '0001_first.sql', 'select 1;\n');
  write(join(dist, 'workers'), 'Dockerfile', 'FROM scratch\n');
});
afterAll(() => { rmSync(folder, { recursive: true, force: true }); });

function write(directory: string, name: string, content: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), content);
}

function synth(env: string, out: string): string {
  const outdir = join(folder, out);
  createApp({ dist, outdir, context: { ...context, env } }).synth();
  return outdir;
}

function files(outdir: string): string[] {
  return readdirSync(outdir, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(outdir, name)).isFile()).sort();
}

function hashes(outdir: string): Record<string, string> {
  return Object.fromEntries(files(outdir).map((name) => [name, createHash('sha256').update(readFileSync(join(outdir, name))).digest('hex')]));
}

function resources(outdir: string): Resources {
  return Object.assign({}, ...files(outdir).filter((name) => name.endsWith('.template.json')).map((name) =>
    (JSON.parse(readFileSync(join(outdir, name), 'utf8')) as { Resources: Resources }).Resources)) as Resources;
}

function ofType(all: Resources, type: string): Record<string, unknown>[] {
  return Object.values(all).filter((resource) => resource.Type === type).map((resource) => resource.Properties ?? {});
}

test('two synths of one environment are the same to the byte', () => {
  // One call site for both, since the assembly keeps where each construct was made.
  const [first = {}, second] = ['first', 'second'].map((out) => hashes(synth('dev', out)));
  expect(Object.keys(first).filter((name) => name.endsWith('.template.json'))).toHaveLength(3);
  expect(second).toEqual(first);
});

test('an unknown environment fails with the list of those there are', () => {
  expect(() => synth('qa', 'qa')).toThrow('unknown environment "qa": choose one of dev, staging, prod');
});

test('a configuration that cannot work is refused before anything is synthesised', () => {
  expect(() => parseEnvironment({ ...prod, availabilityZones: ['us-east-1a', 'us-east-1b'] })).toThrow('Express brokers need three zones');
  expect(() => parseEnvironment({ ...dev, kafka: { ...dev.kafka, brokers: 3 } })).toThrow('must be a multiple of the zones');
  expect(() => parseEnvironment({ ...dev, postgres: { ...dev.postgres, minCapacity: 4 } })).toThrow('must not be below minCapacity');
});

describe.each(ENVIRONMENT_NAMES)('%s', (env) => {
  let all: Resources;
  beforeAll(() => { all = resources(synth(env, env)); });

  test('nothing can be reached from the internet but the API', () => {
    const rules = [...ofType(all, 'AWS::EC2::SecurityGroupIngress'), ...ofType(all, 'AWS::EC2::SecurityGroup').flatMap(({ SecurityGroupIngress = [] }) => SecurityGroupIngress as Record<string, unknown>[])];
    expect(rules.length).toBeGreaterThan(0);
    for (const rule of rules) {
      expect(rule).toHaveProperty('SourceSecurityGroupId');
      expect([rule.CidrIp, rule.CidrIpv6]).toEqual([undefined, undefined]);
    }
    for (const subnet of ofType(all, 'AWS::EC2::Subnet')) expect(subnet.MapPublicIpOnLaunch).toBe(false);
  });

  test('our functions run on Node 24 and ARM64, with logs of a limited life', () => {
    const ours = ofType(all, 'AWS::Lambda::Function').filter(({ Handler }) => Handler === 'index.handler');
    expect(ours).toHaveLength(4);
    for (const properties of ours) {
      expect(properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'], LoggingConfig: { LogGroup: expect.anything() as unknown } });
    }
    const groups = ofType(all, 'AWS::Logs::LogGroup');
    expect(groups.length).toBeGreaterThanOrEqual(ours.length);
    for (const group of groups) expect(group.RetentionInDays).toBe(environmentConfig(env).logDays);
  });

  test('every topic is there with its dead letters', () => {
    const topics = ofType(all, 'AWS::MSK::Topic');
    const streams = ['events', 'events_lazy', 'events_post_processing', 'system_events'];
    expect(topics.map(({ TopicName }) => TopicName).sort()).toEqual(streams.flatMap((name) => [name, `${name}.dlq`]).sort());
    for (const topic of topics) expect(Buffer.from(String(topic.Configs), 'base64').toString()).toMatch(/^retention\.ms=\d+$/);
  });

  test('the API has four fixed routes', () => {
    expect(ofType(all, 'AWS::ApiGatewayV2::Route').map(({ RouteKey }) => RouteKey).sort()).toEqual(['ANY /health', 'ANY /{proxy+}', 'POST /v1/events', 'POST /v1/events/bulk']);
  });

  test('data is encrypted, and kept where the environment says so', () => {
    expect(ofType(all, 'AWS::RDS::DBCluster')).toEqual([expect.objectContaining({ StorageEncrypted: true, DeletionProtection: env === 'prod' })]);
    const cluster = Object.values(all).find(({ Type }) => Type === 'AWS::RDS::DBCluster');
    expect(cluster?.DeletionPolicy).toBe(env === 'prod' ? 'Snapshot' : 'Delete');
    expect(ofType(all, 'AWS::MSK::Cluster')).toEqual([expect.objectContaining({
      EncryptionInfo: { EncryptionInTransit: { ClientBroker: 'TLS', InCluster: true } },
      ClientAuthentication: { Sasl: { Iam: { Enabled: true } }, Unauthenticated: { Enabled: false } },
    })]);
  });

  test('containers run one mode each on ARM64, and no template holds a secret', () => {
    const tasks = ofType(all, 'AWS::ECS::TaskDefinition');
    expect(tasks.map(({ ContainerDefinitions }) => (ContainerDefinitions as { Name: string }[])[0]?.Name).sort()).toEqual(['consumer', 'worker']);
    for (const task of tasks) expect(task.RuntimePlatform).toEqual({ CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' });
    for (const { Environment } of ofType(all, 'AWS::Lambda::Function')) {
      const variables = (Environment as { Variables?: Record<string, unknown> } | undefined)?.Variables ?? {};
      for (const [name, value] of Object.entries(variables)) {
        if (/PASSWORD|KEY/.test(name)) expect(JSON.stringify(value)).toContain('secretsmanager:');
      }
    }
  });
});
