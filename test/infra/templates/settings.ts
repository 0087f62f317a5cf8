import { expect, test } from 'vitest';
import { type ConfigLeaf, configLeaves, loadConfig } from '#platform/config/load.ts';
import type { Synthesised } from '../synthesised.ts';

interface Container {
  readonly Name: string;
  readonly Environment?: readonly { readonly Name: string; readonly Value: unknown }[];
  readonly Secrets?: readonly { readonly Name: string }[];
}
type Told = Readonly<Record<string, unknown>>;

/** What CloudFormation would put in, as far as a schema can tell. */
function resolved(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (name.endsWith('_PORT')) return '5432';
  return name.endsWith('_URL') ? 'https://sqs.us-east-1.amazonaws.com/111122223333/overflow' : 'resolved.example.com';
}

export function settingsTests(of: () => Synthesised): void {
  const told = (): [string, Told][] => [
    ...of()
      .properties('AWS::Lambda::Function', 'services')
      .filter(({ Handler }) => Handler === 'index.handler')
      .map(({ Description, Environment }): [string, Told] => [String(Description), (Environment as { Variables: Told }).Variables]),
    ...of()
      .properties('AWS::ECS::TaskDefinition', 'services')
      .flatMap(({ ContainerDefinitions }) => ContainerDefinitions as Container[])
      .map(({ Name, Environment = [], Secrets = [] }): [string, Told] => [
        Name,
        Object.fromEntries([...Environment.map((each) => [each.Name, each.Value]), ...Secrets.map((each) => [each.Name, 'secret'])]),
      ]),
  ];

  test('what a template tells a process is a configuration that the process accepts, without an embedded engine', () => {
    const leaves = new Map<string, ConfigLeaf>(configLeaves().map((leaf) => [leaf.variable, leaf]));
    const processes = told().filter(([, variables]) => Object.keys(variables).some((name) => name.startsWith('FLEXPRICE_')));
    expect(processes).toHaveLength(6);
    for (const [process, variables] of processes) {
      const ours = Object.entries(variables).filter(([name]) => name.startsWith('FLEXPRICE_') && !name.startsWith('FLEXPRICE_BUILD_'));
      const config = loadConfig({
        env: Object.fromEntries(ours.map(([name, value]) => [name, resolved(name, value)])),
        file: 'no-such-file.yaml',
      });
      expect(config.postgres, process).toMatchObject({ auth: 'iam', ssl: true, ssl_ca: 'rds', region: 'us-east-1' });
      expect(config.postgres.host, process).toBeDefined();
      expect(config.clickhouse.url, process).toMatch(/^https:/);
      if (process !== 'Applies database migrations')
        expect(config.kafka, process).toMatchObject({ auth: 'iam', ssl: true, brokers: [expect.any(String) as unknown] });
      // What the schema calls a secret comes as one.
      for (const [name, value] of ours)
        if (leaves.get(name)?.secret) expect(JSON.stringify(value), name).toMatch(/secretsmanager:|^"secret"$/);
    }
  });
}
