import { RemovalPolicy } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi, HttpMethod, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { EnvironmentStack } from '../stacks/environment-stack.ts';

export interface FixedRouteApiProps {
  readonly ingest: IFunction;
  readonly management: IFunction;
  readonly throttle: { readonly rate: number; readonly burst: number };
}

/** HTTP API with four routes that never change: the endpoints themselves are routed inside of the functions. */
export class FixedRouteApi extends Construct {
  readonly url: string;

  constructor(scope: EnvironmentStack, id: string, { ingest, management, throttle }: FixedRouteApiProps) {
    super(scope, id);
    const api = new HttpApi(this, 'Http', { apiName: `flexprice-${scope.config.name}`, createDefaultStage: false });
    const toIngest = new HttpLambdaIntegration('Ingest', ingest);
    const toManagement = new HttpLambdaIntegration('Management', management);
    api.addRoutes({ path: '/v1/events', methods: [HttpMethod.POST], integration: toIngest });
    api.addRoutes({ path: '/v1/events/bulk', methods: [HttpMethod.POST], integration: toIngest });
    api.addRoutes({ path: '/health', methods: [HttpMethod.ANY], integration: toManagement });
    api.addRoutes({ path: '/{proxy+}', methods: [HttpMethod.ANY], integration: toManagement });

    const logs = new LogGroup(this, 'AccessLogs', { retention: scope.config.logDays, removalPolicy: scope.config.production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY });
    const stage = new HttpStage(this, 'Stage', {
      httpApi: api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: throttle.rate, burstLimit: throttle.burst },
      accessLogSettings: { destination: new LogGroupLogDestination(logs), format: AccessLogFormat.jsonWithStandardFields() },
    });
    this.url = stage.url;
  }
}
