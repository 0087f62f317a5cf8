import { RemovalPolicy } from 'aws-cdk-lib';
import { BackupVault } from 'aws-cdk-lib/aws-backup';
import type { Construct } from 'constructs';
import { vaultName } from '../constructs/backups.ts';
import { EnvironmentStack, type EnvironmentStackProps } from './environment-stack.ts';

/** The vault in another region that recovery points are copied to. */
export class RecoveryStack extends EnvironmentStack {
  constructor(scope: Construct, id: string, props: EnvironmentStackProps) {
    super(scope, id, props);
    new BackupVault(this, 'Vault', { backupVaultName: vaultName(props.config.name), removalPolicy: RemovalPolicy.RETAIN });
  }
}
