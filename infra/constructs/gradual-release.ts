import { Duration } from 'aws-cdk-lib';
import { Alarm, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { LambdaDeploymentConfig, LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { Alias, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { acknowledge, managedPolicy } from '../acknowledge.ts';

/**
 * An alias that CodeDeploy moves: a tenth of the requests meet a new version for five minutes, then all of them. Errors take it back.
 * @returns the alias, which callers call instead of the function
 */
export function gradually(scope: Construct, id: string, target: LambdaFunction): Alias {
  const parts = new Construct(scope, id);
  const alias = new Alias(parts, 'Alias', { aliasName: 'live', version: target.currentVersion });
  const errors = new Alarm(parts, 'Errors', {
    alarmDescription: `Takes back a new version of ${target.node.id} that fails. Runbook: docs/runbooks/rollback.md`,
    metric: alias.metricErrors({ period: Duration.minutes(1) }),
    threshold: 5,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  const group = new LambdaDeploymentGroup(parts, 'Group', {
    alias,
    deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
    alarms: [errors],
  });
  acknowledge(group, 'AWS keeps what CodeDeploy needs in this policy', managedPolicy('service-role/AWSCodeDeployRoleForLambdaLimited'));
  return alias;
}
