import { expect, test } from 'vitest';
import { environmentConfig } from '../../../infra/config/environments.ts';
import type { Synthesised } from '../synthesised.ts';

export function apiTests(env: string, of: () => Synthesised): void {
  const config = environmentConfig(env);

  test('the API has five fixed routes, JSON access logs and a limit', () => {
    expect(
      of()
        .properties('AWS::ApiGatewayV2::Route')
        .map(({ RouteKey }) => RouteKey)
        .sort(),
    ).toEqual(['ANY /health', 'ANY /{proxy+}', 'POST /v1/events', 'POST /v1/events/bulk', 'POST /v1/events/raw/bulk']);
    const stage = of().only('AWS::ApiGatewayV2::Stage');
    expect(stage).toMatchObject({
      DefaultRouteSettings: { ThrottlingRateLimit: config.throttle.rate, ThrottlingBurstLimit: config.throttle.burst },
    });
    const { Format } = stage.AccessLogSettings as { Format: string };
    expect(() => {
      JSON.parse(Format);
    }).not.toThrow();
  });

  test('where there is an edge, requests pass a firewall and come to the API with its secret', () => {
    const distributions = of().properties('AWS::CloudFront::Distribution');
    expect(distributions).toHaveLength(config.edge === undefined ? 0 : 1);
    if (config.edge === undefined) return;
    const { Origins, DefaultCacheBehavior, WebACLId } = of().only('AWS::CloudFront::Distribution').DistributionConfig as {
      Origins: { OriginCustomHeaders: object[] }[];
      DefaultCacheBehavior: { ViewerProtocolPolicy: string };
      WebACLId: unknown;
    };
    expect(WebACLId).toBeDefined();
    expect(DefaultCacheBehavior.ViewerProtocolPolicy).toBe('https-only');
    expect(JSON.stringify(Origins[0]?.OriginCustomHeaders)).toContain(
      `{{resolve:secretsmanager:flexprice/${env}/origin/verify:SecretString:sent::}}`,
    );
    const rules = of().only('AWS::WAFv2::WebACL').Rules as { Name: string; Statement: object }[];
    expect(rules.map(({ Name }) => Name)).toEqual([
      'AWSManagedRulesAmazonIpReputationList',
      'AWSManagedRulesCommonRuleSet',
      'AWSManagedRulesKnownBadInputsRuleSet',
      'PerKey',
      'PerAddress',
    ]);
    // Bulk requests are larger than the rule on bodies allows: it counts only.
    expect(JSON.stringify(rules[1]?.Statement)).toContain('{"ActionToUse":{"Count":{}},"Name":"SizeRestrictions_BODY"}');
    for (const name of ['Accepts usage events', 'Everything but the acceptance of events']) {
      const told = of()
        .properties('AWS::Lambda::Function')
        .filter(({ Description }) => Description === name)
        .map(({ Environment }) => (Environment as { Variables: Record<string, unknown> }).Variables);
      expect(told.flatMap((variables) => Object.keys(variables))).toEqual(expect.arrayContaining(['FLEXPRICE_SERVER_ORIGIN_VERIFY']));
    }
  });
}
