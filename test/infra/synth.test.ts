import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createApp } from '../../infra/app.ts';
import { dev } from '../../infra/config/dev.ts';
import { ENVIRONMENT_NAMES, parseEnvironment } from '../../infra/config/environments.ts';
import { prod } from '../../infra/config/prod.ts';
import type { EnvironmentInput } from '../../infra/config/schema.ts';
import { staging } from '../../infra/config/staging.ts';
import { architectureDiagram, readTemplates } from '../../scripts/architecture-diagram.ts';
import { apiTests } from './templates/api.ts';
import { dataTests } from './templates/data.ts';
import { networkTests } from './templates/network.ts';
import { runningTests } from './templates/running.ts';
import { settingsTests } from './templates/settings.ts';
import { stackTests } from './templates/stacks.ts';
import { streamTests } from './templates/streams.ts';
import { filesOf, synth, synthesised, synthOf } from './synthesised.ts';

function hashes(outdir: string): Record<string, string> {
  return Object.fromEntries(
    filesOf(outdir).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(outdir, name)))
        .digest('hex'),
    ]),
  );
}

test('two synths of one environment are the same to the byte', () => {
  // One call site for both, since the assembly keeps where each construct was made.
  const [first = {}, second] = ['first', 'second'].map((out) => hashes(synth('dev', out)));
  expect(Object.keys(first).filter((name) => name.endsWith('.template.json')).length).toBeGreaterThanOrEqual(5);
  expect(second).toEqual(first);
}, 180_000);

test('an unknown environment fails with the list of those there are', () => {
  expect(() => createApp({ dist: 'dist', context: { env: 'qa' } })).toThrow('unknown environment "qa": choose one of dev, staging, prod');
});

describe('a configuration that cannot work is refused with a line for each problem', () => {
  test.each<{ what: string; input: unknown; line: string }>([
    {
      what: 'production in two zones',
      input: {
        ...prod,
        availabilityZones: ['us-east-1a', 'us-east-1b'],
        natGateways: 2,
        kafka: { ...prod.kafka, brokers: 4, brokerType: 'standard', instanceType: 'kafka.m7g.large' },
      },
      line: 'prod: availabilityZones: production needs three zones',
    },
    {
      what: 'Express in two zones',
      input: { ...dev, kafka: { ...prod.kafka, brokers: 4 } },
      line: 'dev: availabilityZones: Express brokers need three zones',
    },
    {
      what: 'brokers that zones cannot share',
      input: { ...dev, kafka: { ...dev.kafka, brokers: 3 } },
      line: 'dev: kafka.brokers: must be a multiple of the zones',
    },
    {
      what: 'less capacity at most than at least',
      input: { ...dev, postgres: { ...dev.postgres, minCapacity: 4 } },
      line: 'dev: postgres.maxCapacity: must not be below minCapacity',
    },
    {
      what: 'a proxy before a cluster that pauses',
      input: { ...dev, postgres: { ...dev.postgres, proxy: true } },
      line: 'dev: postgres.proxy: a cluster behind a proxy never pauses: minCapacity must be above 0',
    },
    {
      what: 'no ClickHouse host',
      input: { ...dev, clickhouse: { writer: dev.clickhouse.writer, reader: dev.clickhouse.reader } },
      line: 'dev: clickhouse.host: the host of the ClickHouse service is missing',
    },
    {
      what: 'a self-hosted Temporal without shards',
      input: { ...dev, temporal: { kind: 'self-hosted', namespace: 'flexprice', cpu: 512, memoryMiB: 2048 } },
      line: 'dev: temporal.shards: a self-hosted server needs its number of history shards',
    },
    {
      what: 'a bad domain',
      input: { ...dev, domain: { name: 'https://api', certificateArn: 'arn:aws:acm:us-east-1:111122223333:certificate/x' } },
      line: 'dev: domain.name: is not a host name, such as api.example.com',
    },
    {
      what: 'a bad certificate',
      input: { ...dev, domain: { name: 'api.example.com', certificateArn: 'certificate' } },
      line: 'dev: domain.certificateArn: is not the ARN of a certificate',
    },
    {
      what: 'a secret that Secrets Manager would take for the ARN of another one',
      input: { ...dev, clickhouse: { ...dev.clickhouse, writer: { user: 'writer', secretName: 'flexprice/dev/clickhouse-writer' } } },
      line: 'dev: clickhouse.writer.secretName: must not end in a hyphen and six characters',
    },
    {
      what: 'a copy into the same region',
      input: { ...prod, recoveryRegion: 'us-east-1' },
      line: 'prod: recoveryRegion: must be another region',
    },
  ])('$what', ({ input, line }) => {
    let message = '';
    try {
      parseEnvironment(input as EnvironmentInput);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.split('\n')).toEqual([line]);
  });
});

test('names of their own, and ClickHouse inside of the VPC, where the configuration has them', () => {
  const certificateArn = 'arn:aws:acm:us-east-1:111122223333:certificate/11111111-2222-3333-4444-555555555555';
  const domain = { name: 'api.example.com', certificateArn, zone: { id: 'Z0123456789', name: 'example.com' } };
  const serviceName = 'com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0';
  const direct = synthOf({ ...dev, domain, clickhouse: { ...dev.clickhouse, privateLink: { serviceName } } });
  expect(direct.only('AWS::ApiGatewayV2::DomainName')).toMatchObject({ DomainName: 'api.example.com' });
  expect(direct.properties('AWS::Route53::RecordSet').map(({ Name }) => Name)).toEqual(['api.example.com.']);
  expect(direct.properties('AWS::EC2::VPCEndpoint').map(({ ServiceName }) => ServiceName)).toContain(serviceName);
  expect(direct.stacks.get('network')?.Outputs).toHaveProperty('ClickHouseEndpointId');
  const fronted = synthOf({ ...staging, domain });
  expect(fronted.properties('AWS::ApiGatewayV2::DomainName')).toEqual([]);
  expect(fronted.only('AWS::CloudFront::Distribution').DistributionConfig).toMatchObject({
    Aliases: ['api.example.com'],
    ViewerCertificate: { AcmCertificateArn: certificateArn, MinimumProtocolVersion: 'TLSv1.2_2021' },
  });
  for (const { findings } of [direct, fronted]) expect(findings).toEqual([]);
}, 180_000);

test('the diagrams of docs/architecture-aws.md are those of the templates', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/architecture-aws.md'), 'utf8');
  for (const env of ['dev', 'prod']) {
    const drawn = `\`\`\`mermaid\n${architectureDiagram(readTemplates(synthesised(env).outdir))}\n\`\`\``;
    expect(
      text.includes(drawn),
      `the diagram of ${env} is stale: npm run synth -- -c env=${env}, then node scripts/architecture-diagram.ts`,
    ).toBe(true);
  }
}, 180_000);

describe.each(ENVIRONMENT_NAMES)('%s', (env) => {
  const of = () => synthesised(env);

  test('the checks of CloudFormation and of AWS Solutions find nothing', () => {
    expect(of().findings).toEqual([]);
  }, 180_000);

  stackTests(env, of);
  networkTests(env, of);
  streamTests(env, of);
  dataTests(env, of);
  runningTests(env, of);
  apiTests(env, of);
  settingsTests(of);
});
