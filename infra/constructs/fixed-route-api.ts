import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  ApiMapping,
  DomainName,
  EndpointType,
  HttpApi,
  HttpMethod,
  HttpStage,
  LogGroupLogDestination,
  SecurityPolicy,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayv2DomainProperties } from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { EnvironmentConfig } from '../config/schema.ts';
import type { EnvironmentStack } from '../stacks/environment-stack.ts';

export interface FixedRouteApiProps {
  readonly ingest: IFunction;
  readonly management: IFunction;
  readonly throttle: EnvironmentConfig['throttle'];
  /** Absent: the API has the name that AWS gives, or CloudFront bears the name. */
  readonly domain?: EnvironmentConfig['domain'];
}

/** HTTP API with five routes that never change: the endpoints themselves are routed inside of the functions. */
export class FixedRouteApi extends Construct {
  readonly http: HttpApi;
  readonly url: string;

  constructor(scope: EnvironmentStack, id: string, { ingest, management, throttle, domain }: FixedRouteApiProps) {
    super(scope, id);
    this.http = new HttpApi(this, 'Http', { apiName: `flexprice-${scope.config.name}`, createDefaultStage: false });
    acknowledge(this.http, 'The functions check API keys themselves, so that a deleted key ends within five seconds', 'AwsSolutions-APIG4');
    const toIngest = new HttpLambdaIntegration('Ingest', ingest);
    const toManagement = new HttpLambdaIntegration('Management', management);
    this.http.addRoutes({ path: '/v1/events', methods: [HttpMethod.POST], integration: toIngest });
    this.http.addRoutes({ path: '/v1/events/bulk', methods: [HttpMethod.POST], integration: toIngest });
    this.http.addRoutes({ path: '/v1/events/raw/bulk', methods: [HttpMethod.POST], integration: toIngest });
    this.http.addRoutes({ path: '/health', methods: [HttpMethod.ANY], integration: toManagement });
    this.http.addRoutes({ path: '/{proxy+}', methods: [HttpMethod.ANY], integration: toManagement });

    const logs = new LogGroup(this, 'AccessLogs', { retention: scope.config.logDays, removalPolicy: scope.removalPolicy });
    const stage = new HttpStage(this, 'Stage', {
      httpApi: this.http,
      stageName: '$default',
      autoDeploy: true,
      detailedMetricsEnabled: true,
      throttle: { rateLimit: throttle.rate, burstLimit: throttle.burst },
      accessLogSettings: { destination: new LogGroupLogDestination(logs), format: AccessLogFormat.jsonWithStandardFields() },
    });
    this.url = domain === undefined ? stage.url : this.named(stage, domain);
  }

  private named(stage: HttpStage, { name, certificateArn, zone }: NonNullable<EnvironmentConfig['domain']>): string {
    const domainName = new DomainName(this, 'Domain', {
      domainName: name,
      certificate: Certificate.fromCertificateArn(this, 'Certificate', certificateArn),
      endpointType: EndpointType.REGIONAL,
      securityPolicy: SecurityPolicy.TLS_1_2,
    });
    new ApiMapping(this, 'Mapping', { api: this.http, domainName, stage });
    if (zone !== undefined) {
      new ARecord(this, 'Record', {
        zone: HostedZone.fromHostedZoneAttributes(this, 'Zone', { hostedZoneId: zone.id, zoneName: zone.name }),
        recordName: `${name}.`,
        target: RecordTarget.fromAlias(new ApiGatewayv2DomainProperties(domainName.regionalDomainName, domainName.regionalHostedZoneId)),
      });
    }
    return `https://${name}`;
  }
}
