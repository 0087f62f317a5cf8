import { type Stack, Token, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Excuses findings of the template checks, for one reason. Stands beside the construct that it excuses. */
export function acknowledge(construct: IConstruct, reason: string, ...ids: string[]): void {
  for (const id of ids) Validations.of(construct).acknowledge({ id, reason });
}

/** Finding: a policy allows something on every resource. */
export const ANY_RESOURCE = 'AwsSolutions-IAM5[Resource::*]';

/** Finding: a role uses a policy that AWS manages. */
export function managedPolicy(name: string): string {
  return `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${name}]`;
}

/** Finding: a policy allows something on all resources of a pattern. */
export function anyOf(stack: Stack, arn: string): string {
  return `AwsSolutions-IAM5[Resource::${Token.isUnresolved(stack.account) ? arn.replace(stack.account, '<AWS::AccountId>') : arn}]`;
}
