import { ArnFormat, CfnOutput, Duration, Fn, SecretValue } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  HttpVersion,
  OriginProtocolPolicy,
  OriginRequestPolicy,
  OriginSslPolicy,
  SecurityPolicyProtocol,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { CloudFrontTarget } from 'aws-cdk-lib/aws-route53-targets';
import { CfnLoggingConfiguration, CfnWebACL } from 'aws-cdk-lib/aws-wafv2';
import type { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { EnvironmentConfig } from '../config/schema.ts';
import { firewallRules } from '../constructs/firewall-rules.ts';
import { EnvironmentStack, type EnvironmentStackProps } from './environment-stack.ts';
import type { ServicesStack } from './services.ts';

export interface EdgeStackProps extends EnvironmentStackProps {
  readonly services: ServicesStack;
  readonly edge: NonNullable<EnvironmentConfig['edge']>;
}

/** CloudFront with a firewall before the API: an HTTP API itself cannot have one. Firewalls of CloudFront live in us-east-1. */
export class EdgeStack extends EnvironmentStack {
  readonly distribution: Distribution;
  readonly url: string;

  constructor(scope: Construct, id: string, { services, edge, ...props }: EdgeStackProps) {
    super(scope, id, props);
    const { name, domain } = props.config;
    const origin = new HttpOrigin(Fn.select(2, Fn.split('/', services.api.http.apiEndpoint)), {
      protocolPolicy: OriginProtocolPolicy.HTTPS_ONLY,
      originSslProtocols: [OriginSslPolicy.TLS_V1_2],
      readTimeout: Duration.seconds(30),
      keepaliveTimeout: Duration.seconds(60),
      // Resolved by CloudFormation in the deploy: the template holds the reference.
      customHeaders: { 'x-origin-verify': SecretValue.secretsManager(edge.secretName, { jsonField: 'sent' }).unsafeUnwrap() },
    });
    this.distribution = new Distribution(this, 'Distribution', {
      comment: `FlexPrice ${name}`,
      webAclId: this.firewall(edge),
      httpVersion: HttpVersion.HTTP2_AND_3,
      defaultBehavior: {
        origin,
        allowedMethods: AllowedMethods.ALLOW_ALL,
        viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
        cachePolicy: CachePolicy.CACHING_DISABLED,
        originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        compress: false,
      },
      ...(domain === undefined
        ? {}
        : {
            domainNames: [domain.name],
            certificate: Certificate.fromCertificateArn(this, 'Certificate', domain.certificateArn),
            minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
          }),
    });
    acknowledge(this.distribution, 'An API for servers all over the world', 'AwsSolutions-CFR1');
    acknowledge(
      this.distribution,
      'Every request is in the access log of the API, every refused one in that of the firewall',
      'AwsSolutions-CFR3',
    );
    if (domain === undefined)
      acknowledge(
        this.distribution,
        'Without a domain of its own the distribution has the certificate of CloudFront, whose TLS versions cannot be chosen',
        'AwsSolutions-CFR4',
      );
    if (domain?.zone !== undefined) {
      const zone = HostedZone.fromHostedZoneAttributes(this, 'Zone', { hostedZoneId: domain.zone.id, zoneName: domain.zone.name });
      new ARecord(this, 'Record', {
        zone,
        recordName: `${domain.name}.`,
        target: RecordTarget.fromAlias(new CloudFrontTarget(this.distribution)),
      });
    }
    this.url = `https://${domain?.name ?? this.distribution.distributionDomainName}`;
    new CfnOutput(this, 'PublicUrl', { value: this.url });
  }

  private firewall(edge: EdgeStackProps['edge']): string {
    const visibility = (metricName: string) => ({ metricName, cloudWatchMetricsEnabled: true, sampledRequestsEnabled: true });
    const acl = new CfnWebACL(this, 'Firewall', {
      scope: 'CLOUDFRONT',
      defaultAction: { allow: {} },
      visibilityConfig: visibility(`flexprice-${this.config.name}`),
      rules: firewallRules(edge, visibility),
    });
    // WAF insists on the name's beginning.
    const logs = new LogGroup(this, 'FirewallLogs', {
      logGroupName: `aws-waf-logs-flexprice-${this.config.name}`,
      retention: this.config.logDays,
      removalPolicy: this.removalPolicy,
    });
    new CfnLoggingConfiguration(this, 'FirewallLogging', {
      resourceArn: acl.attrArn,
      logDestinationConfigs: [
        this.formatArn({
          service: 'logs',
          resource: 'log-group',
          resourceName: logs.logGroupName,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
      ],
      redactedFields: ['x-api-key', 'x-session-token', 'authorization', 'x-origin-verify'].map((header) => ({
        singleHeader: { Name: header },
      })),
      loggingFilter: {
        DefaultBehavior: 'DROP',
        Filters: [
          {
            Behavior: 'KEEP',
            Requirement: 'MEETS_ANY',
            Conditions: [{ ActionCondition: { Action: 'BLOCK' } }, { ActionCondition: { Action: 'COUNT' } }],
          },
        ],
      },
    });
    return acl.attrArn;
  }
}
