import { expect, test } from 'vitest';
import { environmentConfig } from '../../../infra/config/environments.ts';
import type { Synthesised } from '../synthesised.ts';

export function dataTests(env: string, of: () => Synthesised): void {
  const config = environmentConfig(env);
  const production = env === 'prod';

  test('Postgres is encrypted with our key, takes TLS and IAM, and is kept where the environment says so', () => {
    const clusters = of().resources('AWS::RDS::DBCluster');
    expect(clusters).toHaveLength(1);
    expect(clusters[0]?.Properties).toMatchObject({
      StorageEncrypted: true,
      DeletionProtection: production,
      EnableIAMDatabaseAuthentication: true,
      BackupRetentionPeriod: config.postgres.backupDays,
      ServerlessV2ScalingConfiguration: { MinCapacity: config.postgres.minCapacity, MaxCapacity: config.postgres.maxCapacity },
    });
    expect(JSON.stringify(clusters[0]?.Properties?.KmsKeyId)).toContain('Key');
    expect(clusters[0]?.DeletionPolicy).toBe(production ? 'Snapshot' : 'Delete');
    expect(of().properties('AWS::RDS::DBClusterParameterGroup')).toEqual([
      expect.objectContaining({ Parameters: expect.objectContaining({ 'rds.force_ssl': '1' }) as unknown }),
    ]);
    expect(of().properties('AWS::RDS::DBInstance')).toHaveLength(1 + config.postgres.readers);
    for (const { PubliclyAccessible = false } of of().properties('AWS::RDS::DBInstance')) expect(PubliclyAccessible).toBe(false);
    const proxies = of().properties('AWS::RDS::DBProxy');
    expect(proxies).toHaveLength(config.postgres.proxy ? 1 : 0);
    for (const proxy of proxies) expect(proxy).toMatchObject({ RequireTLS: true, DefaultAuthScheme: 'IAM_AUTH' });
  });

  test('the application logs in to Postgres with tokens, as itself only, and has no password', () => {
    const users = of()
      .properties('AWS::IAM::Policy')
      .flatMap(({ PolicyDocument }) => (PolicyDocument as { Statement: { Action: unknown; Resource: unknown }[] }).Statement)
      .filter(({ Action }) => Action === 'rds-db:connect')
      .map(({ Resource }) => JSON.stringify(Resource));
    expect(users).toHaveLength(config.postgres.proxy ? 7 : 6);
    for (const user of users) expect(user).toMatch(/\/flexprice_app"/);
    expect(of().properties('AWS::SecretsManager::Secret', 'data')).toHaveLength(1);
  });

  test('every queue is encrypted, takes TLS only, and has dead letters or is the place for them', () => {
    const queues = of().stacks.get('data')?.Resources ?? {};
    const all = Object.entries(queues).filter(([, { Type }]) => Type === 'AWS::SQS::Queue');
    expect(of().properties('AWS::SQS::Queue')).toHaveLength(all.length);
    const targets = new Set(
      all.map(
        ([, { Properties }]) =>
          (Properties?.RedrivePolicy as { deadLetterTargetArn: { 'Fn::GetAtt': string[] } } | undefined)?.deadLetterTargetArn[
            'Fn::GetAtt'
          ][0],
      ),
    );
    for (const [id, { Properties }] of all) {
      expect(Properties?.SqsManagedSseEnabled ?? Properties?.KmsMasterKeyId).toBeTruthy();
      if (!targets.has(id)) expect(Properties?.RedrivePolicy).toMatchObject({ maxReceiveCount: 1000 });
    }
    expect(all.filter(([id]) => !targets.has(id))).toHaveLength(1);
    const policies = of().properties('AWS::SQS::QueuePolicy');
    expect(policies).toHaveLength(all.length);
    for (const { PolicyDocument } of policies) expect(JSON.stringify(PolicyDocument)).toContain('"aws:SecureTransport":"false"');
  });

  test('every bucket is private, encrypted, takes TLS only, and forgets', () => {
    const buckets = of().properties('AWS::S3::Bucket');
    expect(buckets).toHaveLength(3);
    for (const bucket of buckets) {
      expect(bucket.PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(bucket.BucketEncryption).toBeDefined();
      expect((bucket.LifecycleConfiguration as { Rules: { Id: string }[] }).Rules.length).toBeGreaterThan(1);
    }
    const policies = of().properties('AWS::S3::BucketPolicy');
    expect(policies).toHaveLength(buckets.length);
    for (const { PolicyDocument } of policies) expect(JSON.stringify(PolicyDocument)).toContain('"aws:SecureTransport":"false"');
  });

  test('keys are rotated', () => {
    const keys = of().properties('AWS::KMS::Key');
    expect(keys.length).toBeGreaterThan(0);
    for (const { EnableKeyRotation } of keys) expect(EnableKeyRotation).toBe(true);
  });

  test('in production recovery points go to another region', () => {
    const plans = of().properties('AWS::Backup::BackupPlan');
    expect(plans).toHaveLength(production ? 1 : 0);
    if (!production) return;
    const { BackupPlanRule: rules } = of().only('AWS::Backup::BackupPlan').BackupPlan as {
      BackupPlanRule: { CopyActions: { DestinationBackupVaultArn: unknown }[]; Lifecycle: unknown }[];
    };
    expect(rules[0]?.Lifecycle).toEqual({ DeleteAfterDays: 35 });
    expect(JSON.stringify(rules[0]?.CopyActions[0]?.DestinationBackupVaultArn)).toContain('backup:us-west-2:');
    expect(of().properties('AWS::Backup::BackupVault', 'recovery')).toEqual([
      expect.objectContaining({ BackupVaultName: 'flexprice-prod' }),
    ]);
    for (const type of ['AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::Logs::LogGroup']) {
      for (const { DeletionPolicy } of of().resources(type)) expect(DeletionPolicy).toBe('Retain');
    }
  });
}
