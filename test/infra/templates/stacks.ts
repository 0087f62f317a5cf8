import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { environmentConfig } from '../../../infra/config/environments.ts';
import type { Synthesised } from '../synthesised.ts';

interface Artifact {
  readonly type: string;
  readonly properties?: { readonly stackName?: string; readonly terminationProtection?: boolean };
}

export function stackTests(env: string, of: () => Synthesised): void {
  const stacks = (): NonNullable<Artifact['properties']>[] => {
    const { outdir } = of();
    const assembly = readdirSync(outdir).find((name) => name.startsWith('assembly-')) ?? '';
    const { artifacts } = JSON.parse(readFileSync(join(outdir, assembly, 'manifest.json'), 'utf8')) as {
      artifacts: Readonly<Record<string, Artifact>>;
    };
    return Object.values(artifacts)
      .filter(({ type }) => type === 'aws:cloudformation:stack')
      .map(({ properties = {} }) => properties);
  };

  test('has its stacks, tagged, and protected in production', () => {
    const { edge, recoveryRegion, owner, costCenter } = environmentConfig(env);
    const names = [
      'bootstrap',
      'data',
      'network',
      'observability',
      'platform',
      'services',
      ...(edge ? ['edge'] : []),
      ...(recoveryRegion ? ['recovery'] : []),
    ];
    expect(
      stacks()
        .map(({ stackName }) => stackName)
        .sort(),
    ).toEqual(names.map((name) => `flexprice-${env}-${name}`).sort());
    for (const { terminationProtection = false } of stacks()) expect(terminationProtection).toBe(env === 'prod');
    const wanted = { app: 'flexprice', env, owner, 'cost-center': costCenter };
    for (const type of [
      'AWS::EC2::VPC',
      'AWS::RDS::DBCluster',
      'AWS::SQS::Queue',
      'AWS::S3::Bucket',
      'AWS::ECS::Service',
      'AWS::Lambda::Function',
    ]) {
      // The CDK's own custom resources are plain resources, which have no tags.
      const tagged = of()
        .properties(type)
        .filter(({ Handler = '' }) => Handler !== '__entrypoint__.handler')
        .map(({ Tags }) => Object.fromEntries((Tags as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value])));
      expect(tagged.length).toBeGreaterThan(0);
      for (const tags of tagged) expect(tags).toMatchObject(wanted);
    }
    expect(of().only('AWS::MSK::Cluster').Tags).toEqual(wanted);
  });

  test('a role for the pipeline of this environment alone, which can only become the roles of the CDK', () => {
    const role = of().only('AWS::IAM::Role', 'bootstrap');
    expect(JSON.stringify(role.AssumeRolePolicyDocument)).toContain(`:environment:${env}"`);
    const policy = of().only('AWS::IAM::Policy', 'bootstrap');
    const { Statement: statements } = policy.PolicyDocument as { Statement: { Action: unknown }[] };
    expect(statements.map(({ Action }) => Action)).toEqual(['sts:AssumeRole']);
  });

  test('a budget tells of 80 and 100 %', () => {
    const budget = of().only('AWS::Budgets::Budget');
    const notifications = budget.NotificationsWithSubscribers as { Notification: { NotificationType: string; Threshold: number } }[];
    expect(notifications.map(({ Notification: { NotificationType, Threshold } }) => [NotificationType, Threshold])).toEqual([
      ['ACTUAL', 80],
      ['ACTUAL', 100],
      ['FORECASTED', 100],
    ]);
  });

  test('no policy allows more than it names, but what AWS asks for no resource', () => {
    const wide = [
      'xray:PutTraceSegments',
      'xray:PutTelemetryRecords',
      'ecr:GetAuthorizationToken',
      'ssmmessages:CreateControlChannel',
      'ssmmessages:CreateDataChannel',
      'ssmmessages:OpenControlChannel',
      'ssmmessages:OpenDataChannel',
      'logs:DescribeLogGroups',
    ];
    for (const policy of of().properties('AWS::IAM::Policy')) {
      const { Statement: statements } = policy.PolicyDocument as { Statement: { Action: string | string[]; Resource: unknown }[] };
      for (const { Action, Resource } of statements) {
        const actions = [Action].flat();
        expect(actions.filter((action) => action.includes('*'))).toEqual([]);
        if (JSON.stringify([Resource].flat()).includes('"*"')) expect(actions.filter((action) => !wide.includes(action))).toEqual([]);
      }
    }
  });

  test('names that must be unique are', () => {
    const names = [
      'AWS::Lambda::Function',
      'AWS::SQS::Queue',
      'AWS::Logs::LogGroup',
      'AWS::SecretsManager::Secret',
      'AWS::CloudWatch::Alarm',
    ]
      .flatMap((type) =>
        of()
          .properties(type)
          .flatMap(({ FunctionName, QueueName, LogGroupName, Name, AlarmName }) => [
            FunctionName,
            QueueName,
            LogGroupName,
            Name,
            AlarmName,
          ]),
      )
      .filter((name) => typeof name === 'string');
    expect(names).toEqual([...new Set(names)]);
  });
}
