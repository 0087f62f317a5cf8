import type { CfnWebACL } from 'aws-cdk-lib/aws-wafv2';
import type { EnvironmentConfig } from '../config/schema.ts';

type Visibility = (metricName: string) => CfnWebACL.VisibilityConfigProperty;
const WINDOW_SECONDS = 300;

/** AWS's own lists of bad senders and requests, then a limit by key and one by address. */
export function firewallRules(
  { perKey, perAddress }: NonNullable<EnvironmentConfig['edge']>,
  visibility: Visibility,
): CfnWebACL.RuleProperty[] {
  const managed = (name: string, priority: number, counted: readonly string[] = []): CfnWebACL.RuleProperty => ({
    name,
    priority,
    overrideAction: { none: {} },
    visibilityConfig: visibility(name),
    statement: {
      managedRuleGroupStatement: {
        vendorName: 'AWS',
        name,
        ruleActionOverrides: counted.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
      },
    },
  });
  return [
    managed('AWSManagedRulesAmazonIpReputationList', 0),
    // Bulk requests are far over the 8 KB of its rule; property values of events are anybody's text.
    managed('AWSManagedRulesCommonRuleSet', 1, [
      'SizeRestrictions_BODY',
      'CrossSiteScripting_BODY',
      'GenericRFI_BODY',
      'GenericLFI_BODY',
      'NoUserAgent_HEADER',
    ]),
    managed('AWSManagedRulesKnownBadInputsRuleSet', 2),
    {
      name: 'PerKey',
      priority: 3,
      action: { block: { customResponse: { responseCode: 429 } } },
      visibilityConfig: visibility('PerKey'),
      statement: {
        rateBasedStatement: {
          limit: perKey,
          evaluationWindowSec: WINDOW_SECONDS,
          aggregateKeyType: 'CUSTOM_KEYS',
          customKeys: [{ header: { name: 'x-api-key', textTransformations: [{ priority: 0, type: 'NONE' }] } }],
        },
      },
    },
    {
      name: 'PerAddress',
      priority: 4,
      action: { block: { customResponse: { responseCode: 429 } } },
      visibilityConfig: visibility('PerAddress'),
      statement: { rateBasedStatement: { limit: perAddress, evaluationWindowSec: WINDOW_SECONDS, aggregateKeyType: 'IP' } },
    },
  ];
}
