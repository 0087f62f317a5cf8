import { CfnOutput, Duration } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { OidcProviderNative, PolicyStatement, Role, WebIdentityPrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { EnvironmentStack, type EnvironmentStackProps } from './environment-stack.ts';

const GITHUB = 'token.actions.githubusercontent.com';
/** Qualifier of `cdk bootstrap`, unless it was told another. */
const QUALIFIER = 'hnb659fds';

/** What a pipeline needs before it can deploy: a role without keys. And the budget, which watches from the first day. */
export class BootstrapStack extends EnvironmentStack {
  constructor(scope: Construct, id: string, props: EnvironmentStackProps) {
    super(scope, id, props);
    const { name, github, operations, recoveryRegion, region } = props.config;
    const providerArn = github.providerExists
      ? this.formatArn({ service: 'iam', region: '', resource: 'oidc-provider', resourceName: GITHUB })
      : new OidcProviderNative(this, 'GitHub', { url: `https://${GITHUB}`, clientIds: ['sts.amazonaws.com'] }).oidcProviderArn;

    const role = new Role(this, 'DeployRole', {
      roleName: `flexprice-${name}-deploy`,
      description: `GitHub deploys FlexPrice to ${name}`,
      maxSessionDuration: Duration.hours(2),
      // A job of the protected environment of that repository, and nothing else.
      assumedBy: new WebIdentityPrincipal(providerArn, {
        StringEquals: { [`${GITHUB}:aud`]: 'sts.amazonaws.com', [`${GITHUB}:sub`]: `repo:${github.repository}:environment:${name}` },
      }),
    });
    // The CDK's own roles do the work: this one may only become them, where this environment has stacks.
    const regions = [
      ...new Set([
        region,
        ...(props.config.edge === undefined ? [] : ['us-east-1']),
        ...(recoveryRegion === undefined ? [] : [recoveryRegion]),
      ]),
    ];
    const roles = regions.flatMap((each) =>
      ['deploy-role', 'file-publishing-role', 'image-publishing-role', 'lookup-role'].map((kind) =>
        this.formatArn({ service: 'iam', region: '', resource: 'role', resourceName: `cdk-${QUALIFIER}-${kind}-${this.account}-${each}` }),
      ),
    );
    role.addToPolicy(new PolicyStatement({ actions: ['sts:AssumeRole'], resources: roles }));
    new CfnOutput(this, 'DeployRoleArn', { value: role.roleArn });

    const subscribers = [{ subscriptionType: 'EMAIL', address: operations.email }];
    const notify = (notificationType: string, threshold: number) => ({
      notification: { notificationType, comparisonOperator: 'GREATER_THAN', threshold, thresholdType: 'PERCENTAGE' },
      subscribers,
    });
    new CfnBudget(this, 'Budget', {
      budget: {
        budgetName: `flexprice-${name}`,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: operations.monthlyBudgetUsd, unit: 'USD' },
        costFilters: { TagKeyValue: [`user:env$${name}`] },
      },
      notificationsWithSubscribers: [notify('ACTUAL', 80), notify('ACTUAL', 100), notify('FORECASTED', 100)],
    });
  }
}
