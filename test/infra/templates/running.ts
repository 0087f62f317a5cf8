import { expect, test } from 'vitest';
import { environmentConfig } from '../../../infra/config/environments.ts';
import type { Resource, Synthesised } from '../synthesised.ts';

interface Container {
  readonly Name: string;
  readonly Environment?: readonly { readonly Name: string; readonly Value: unknown }[];
  readonly Secrets?: readonly { readonly Name: string; readonly ValueFrom: unknown }[];
  readonly LogConfiguration?: { readonly LogDriver: string };
  readonly StopTimeout?: number;
}

const SECRET = /PASSWORD|ROOT_KEY|API_KEY|ORIGIN_VERIFY/;

export function runningTests(env: string, of: () => Synthesised): void {
  const config = environmentConfig(env);
  const functions = (): Resource[] => of().resources('AWS::Lambda::Function', 'services');
  const variablesOf = ({ Properties }: Resource): Record<string, unknown> =>
    (Properties?.Environment as { Variables?: Record<string, unknown> } | undefined)?.Variables ?? {};
  const containers = (): Container[] =>
    of()
      .properties('AWS::ECS::TaskDefinition')
      .flatMap(({ ContainerDefinitions }) => ContainerDefinitions as Container[]);

  test('functions run on Node 24 and ARM64 with traces, and hold logs for a while', () => {
    expect(functions()).toHaveLength(4);
    // The CDK has one function of its own, which closes the default security group.
    for (const { Properties } of of()
      .resources('AWS::Lambda::Function')
      .filter((each) => each.Properties?.Handler === 'index.handler')) {
      expect(Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        TracingConfig: { Mode: 'Active' },
        LoggingConfig: { LogGroup: expect.anything() as unknown },
      });
    }
    const groups = of().properties('AWS::Logs::LogGroup');
    expect(groups.length).toBeGreaterThanOrEqual(functions().length);
    for (const { RetentionInDays } of groups) expect(RetentionInDays).toBe(config.logDays);
    expect(
      functions()
        .map(({ Properties }) => Properties?.ReservedConcurrentExecutions)
        .sort(),
    ).toEqual([config.ingest.reservedConcurrency, config.management.reservedConcurrency, 1, 1].sort());
  });

  test('functions that need no store stand outside of the VPC, the others in private subnets', () => {
    expect(functions().filter(({ Properties }) => Properties?.VpcConfig !== undefined)).toHaveLength(3);
    for (const { NetworkConfiguration } of of().properties('AWS::ECS::Service')) {
      expect(NetworkConfiguration).toMatchObject({ AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } });
    }
  });

  test('no function and no task holds a secret', () => {
    for (const each of of().resources('AWS::Lambda::Function')) {
      for (const [name, value] of Object.entries(variablesOf(each)))
        if (SECRET.test(name)) expect(JSON.stringify(value), name).toContain('secretsmanager:');
    }
    for (const { Environment = [] } of containers()) {
      for (const { Name, Value } of Environment)
        if (SECRET.test(Name) || /PWD$/.test(Name)) expect(JSON.stringify(Value), Name).toContain('secretsmanager:');
    }
  });

  test('what ECS puts into a container is named by the complete ARN of a secret that a stack has made', () => {
    // The ARN of a secret that is known by its name ends in six characters which nobody knows, and ECS asks for no shorter one.
    for (const { Name, Secrets = [] } of containers())
      for (const { ValueFrom } of Secrets) expect(JSON.stringify(ValueFrom), Name).not.toMatch(/:secret:[^:"]/);
  });

  test('a task may read the secrets that it is told of', () => {
    const policies = of().properties('AWS::IAM::Policy', 'services');
    const told = of()
      .properties('AWS::ECS::TaskDefinition', 'services')
      .map(({ ContainerDefinitions, TaskRoleArn }) => {
        const [role] = (TaskRoleArn as { 'Fn::GetAtt': [string, string] })['Fn::GetAtt'];
        const allowed = JSON.stringify(
          policies
            .filter(({ Roles }) => JSON.stringify(Roles).includes(`"${role}"`))
            .flatMap(({ PolicyDocument }) => (PolicyDocument as { Statement: { Action: unknown; Resource: unknown }[] }).Statement)
            .filter(({ Action }) => [Action].flat().includes('secretsmanager:GetSecretValue'))
            .map(({ Resource }) => Resource),
        );
        const names = JSON.stringify(ContainerDefinitions).matchAll(/"secretsmanager:([^"#]+)#\w+"/g);
        return [...names].map(([, name = '']) => [name, allowed.includes(`:secret:${name}-??????`)]);
      });
    expect(told.flat()).toContainEqual([config.clickhouse.writer.secretName, true]);
    expect(told.flat().filter(([, allowed]) => !allowed)).toEqual([]);
  });

  test('each process is told what it needs and no more', () => {
    const named = new Map(functions().map((each) => [String(each.Properties?.Description), variablesOf(each)]));
    const ingest = named.get('Accepts usage events') ?? {};
    expect(Object.keys(ingest)).not.toContain('FLEXPRICE_AUTH_ROOT_KEY');
    expect(Object.keys(ingest)).not.toContain('FLEXPRICE_CLICKHOUSE_PASSWORD');
    const withMigrator = [...named].filter(([, variables]) => 'FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD' in variables).map(([name]) => name);
    expect(withMigrator).toEqual(['Applies database migrations']);
    const worker = containers().find(({ Name }) => Name === 'worker');
    expect(worker?.Environment?.map(({ Name }) => Name)).toContain('FLEXPRICE_TEMPORAL_ADDRESS');
    expect(
      containers()
        .find(({ Name }) => Name === 'consumer')
        ?.Environment?.map(({ Name }) => Name),
    ).not.toContain('FLEXPRICE_TEMPORAL_ADDRESS');
  });

  test('services run on ARM64, stop with grace, and return to what worked', () => {
    for (const { RuntimePlatform } of of().properties('AWS::ECS::TaskDefinition'))
      expect(RuntimePlatform).toEqual({ CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' });
    const services = of().properties('AWS::ECS::Service');
    expect(services).toHaveLength(config.temporal.kind === 'self-hosted' ? 4 : 3);
    for (const { DeploymentConfiguration } of services)
      expect(DeploymentConfiguration).toMatchObject({ DeploymentCircuitBreaker: { Enable: true, Rollback: true } });
    for (const { DeploymentConfiguration } of of().properties('AWS::ECS::Service', 'services'))
      expect(DeploymentConfiguration).toMatchObject({ MinimumHealthyPercent: 100, MaximumPercent: 200 });
    // Never two servers of Temporal at once.
    for (const { DeploymentConfiguration } of of().properties('AWS::ECS::Service', 'platform'))
      expect(DeploymentConfiguration).toMatchObject({ MinimumHealthyPercent: 0, MaximumPercent: 100 });
    for (const name of ['consumer', 'relay', 'worker']) {
      expect(containers().find(({ Name }) => Name === name)).toMatchObject({
        StopTimeout: 60,
        HealthCheck: { Command: ['CMD', 'node', 'health-check.mjs'], Retries: 3 },
      });
    }
    for (const { LogConfiguration } of containers()) expect(LogConfiguration?.LogDriver).toBe('awslogs');
    const spot = of()
      .properties('AWS::ECS::Service', 'services')
      .map(({ CapacityProviderStrategy }) => (CapacityProviderStrategy as { CapacityProvider: string }[])[0]?.CapacityProvider);
    expect(new Set(spot)).toEqual(new Set([config.spot ? 'FARGATE_SPOT' : 'FARGATE']));
  });

  test('services grow between their bounds where there are any', () => {
    const grown = [config.consumer, config.relay, config.worker].filter(({ min, max }) => max > min).map(({ min, max }) => [min, max]);
    const targets = of()
      .properties('AWS::ApplicationAutoScaling::ScalableTarget')
      .filter(({ ServiceNamespace }) => ServiceNamespace === 'ecs');
    expect(targets.map(({ MinCapacity, MaxCapacity }) => [MinCapacity, MaxCapacity]).sort()).toEqual(grown.sort());
    // By what waits for them, and not only by what they are busy with.
    for (const [name, { min, max }] of [
      ['ConsumerLag', config.consumer],
      ['JobBacklog', config.worker],
    ] as const) {
      expect(
        of()
          .properties('AWS::CloudWatch::Alarm', 'services')
          .some(({ MetricName }) => MetricName === name),
        name,
      ).toBe(max > min);
    }
  });

  test('migrations run before anything that needs the new tables', () => {
    const resources = of().stacks.get('services')?.Resources ?? {};
    const [migrations] =
      Object.entries(resources).find(([id, { Type }]) => Type === 'AWS::CloudFormation::CustomResource' && id.startsWith('Migrations')) ??
      [];
    const dependents = Object.values(resources).filter(
      ({ Type, Properties }) =>
        Type === 'AWS::ECS::Service' ||
        ['Accepts usage events', 'Everything but the acceptance of events'].includes(String(Properties?.Description)),
    );
    expect(dependents.filter(({ Type }) => Type === 'AWS::Lambda::Function' || Type === 'AWS::ECS::Service')).toHaveLength(5);
    for (const { DependsOn } of dependents) expect(DependsOn).toContain(migrations);
  });

  test('a new version of ingest meets a tenth of the requests first, where that is wanted', () => {
    const aliases = of().properties('AWS::Lambda::Alias');
    expect(aliases.map(({ Name }) => Name)).toEqual(config.ingest.gradual ? ['live'] : []);
    expect(of().properties('AWS::CodeDeploy::DeploymentGroup')).toHaveLength(aliases.length);
  });

  test('a self-hosted Temporal brings its databases up to date before it starts', () => {
    const temporal = of().properties('AWS::ECS::TaskDefinition', 'platform');
    expect(temporal).toHaveLength(config.temporal.kind === 'self-hosted' ? 1 : 0);
    if (config.temporal.kind !== 'self-hosted') return;
    const order = (
      of().only('AWS::ECS::TaskDefinition', 'platform').ContainerDefinitions as {
        Name: string;
        Essential: boolean;
        DependsOn?: { ContainerName: string; Condition: string }[];
      }[]
    ).map(({ Name, Essential, DependsOn = [] }) => [
      Name,
      Essential,
      ...DependsOn.map(({ ContainerName, Condition }) => `${ContainerName} ${Condition}`),
    ]);
    expect(order).toEqual([
      ['databases', false],
      ['schemas', false, 'databases SUCCESS'],
      ['server', true, 'schemas SUCCESS'],
      ['namespace', false, 'server HEALTHY'],
      ['ui', false, 'server HEALTHY'],
    ]);
    const server = containers().find(({ Name }) => Name === 'server');
    expect(server?.Environment).toContainEqual({ Name: 'NUM_HISTORY_SHARDS', Value: String(config.temporal.shards) });
  });
}
