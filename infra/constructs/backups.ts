import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { BackupPlan, BackupPlanRule, BackupResource, BackupVault } from 'aws-cdk-lib/aws-backup';
import { Schedule } from 'aws-cdk-lib/aws-events';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { DatabaseCluster } from 'aws-cdk-lib/aws-rds';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge, managedPolicy } from '../acknowledge.ts';

export interface BackupsProps {
  readonly environment: string;
  readonly days: number;
  /** Where copies go; the recovery stack makes the vault there. */
  readonly region: string;
  readonly cluster: DatabaseCluster;
  readonly buckets: readonly Bucket[];
}

/** Name of an environment's vault, in either region. */
export function vaultName(environment: string): string {
  return `flexprice-${environment}`;
}

/** A daily recovery point of all that cannot be made anew, with a copy in another region. */
export class Backups extends Construct {
  constructor(scope: Construct, id: string, { environment, days, region, cluster, buckets }: BackupsProps) {
    super(scope, id);
    const vault = new BackupVault(this, 'Vault', { backupVaultName: vaultName(environment), removalPolicy: RemovalPolicy.RETAIN });
    const away = BackupVault.fromBackupVaultArn(
      this,
      'Away',
      Stack.of(this).formatArn({
        service: 'backup',
        region,
        resource: 'backup-vault',
        resourceName: vaultName(environment),
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    );
    const plan = new BackupPlan(this, 'Plan', {
      backupVault: vault,
      backupPlanRules: [
        new BackupPlanRule({
          ruleName: 'daily',
          scheduleExpression: Schedule.cron({ hour: '3', minute: '15' }),
          startWindow: Duration.hours(1),
          completionWindow: Duration.hours(6),
          deleteAfter: Duration.days(days),
          copyActions: [{ destinationBackupVault: away, deleteAfter: Duration.days(days) }],
        }),
      ],
    });
    const policies = [
      'service-role/AWSBackupServiceRolePolicyForBackup',
      'service-role/AWSBackupServiceRolePolicyForRestores',
      'AWSBackupServiceRolePolicyForS3Backup',
    ];
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('backup.amazonaws.com'),
      managedPolicies: policies.map((name) => ManagedPolicy.fromAwsManagedPolicyName(name)),
    });
    acknowledge(role, 'AWS keeps what its backup service needs in these policies', ...policies.map((name) => managedPolicy(name)));
    plan.addSelection('Selection', {
      role,
      disableDefaultBackupPolicy: true,
      resources: [BackupResource.fromRdsDatabaseCluster(cluster), ...buckets.map((bucket) => BackupResource.fromArn(bucket.bucketArn))],
    });
  }
}
