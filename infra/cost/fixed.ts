import type { CostInputs } from './inputs.ts';
import { ofType, type Resources, services } from './resources.ts';

/** A line of the bill. */
export interface CostLine {
  readonly service: string;
  readonly what: string;
  readonly usd: number;
}

export const HOURS = 730;

/** What an environment costs in a month in which nothing happens, from its templates. */
export function fixedCosts(environment: string, resources: Resources, { priceOf, assumed }: CostInputs): CostLine[] {
  const assumedFor = (what: 'clickhouseMonthly' | 'temporalCloudMonthly' | 'averageAcu' | 'postgresStorageGb'): number => {
    const value = assumed[what][environment];
    if (value === undefined) throw new Error(`assumptions.json has no ${what} for ${environment}`);
    return value;
  };
  const count = (type: string): number => ofType(resources, type).length;
  const zonesOfEndpoints = ofType(resources, 'AWS::EC2::VPCEndpoint')
    .filter(({ VpcEndpointType }) => VpcEndpointType === 'Interface')
    .reduce((sum, { SubnetIds }) => sum + (SubnetIds as unknown[]).length, 0);

  const lines: CostLine[] = [
    {
      service: 'NAT and addresses',
      what: `${count('AWS::EC2::NatGateway')} gateways`,
      usd: count('AWS::EC2::NatGateway') * HOURS * priceOf('nat.hour') + count('AWS::EC2::EIP') * HOURS * priceOf('ipv4'),
    },
    { service: 'VPC endpoints', what: `${zonesOfEndpoints} endpoint zones`, usd: zonesOfEndpoints * HOURS * priceOf('endpoint.hour') },
    ...ofType(resources, 'AWS::MSK::Cluster').map((cluster): CostLine => {
      const nodes = cluster.BrokerNodeGroupInfo as { InstanceType: string; StorageInfo?: { EBSStorageInfo?: { VolumeSize: number } } };
      const brokers = Number(cluster.NumberOfBrokerNodes);
      const volume = nodes.StorageInfo?.EBSStorageInfo?.VolumeSize ?? 0;
      return {
        service: 'MSK',
        what: `${brokers} x ${nodes.InstanceType}`,
        usd: brokers * (HOURS * priceOf(`msk.${nodes.InstanceType}`) + volume * priceOf('msk.standard.storage')),
      };
    }),
    ...ofType(resources, 'AWS::RDS::DBCluster').map((cluster): CostLine => {
      const { MinCapacity } = cluster.ServerlessV2ScalingConfiguration as { MinCapacity: number };
      const acu = Math.max(MinCapacity, assumedFor('averageAcu'));
      const instances = count('AWS::RDS::DBInstance');
      return {
        service: 'Aurora',
        what: `${instances} x ${acu} ACU on average`,
        usd: instances * acu * HOURS * priceOf('aurora.acu') + assumedFor('postgresStorageGb') * priceOf('aurora.storage'),
      };
    }),
    ...ofType(resources, 'AWS::RDS::DBProxy').map(
      (): CostLine => ({ service: 'RDS Proxy', what: '8 ACU, the least', usd: 8 * HOURS * priceOf('rds.proxy') }),
    ),
    ...services(resources).map(
      ({ name, count: tasks, vcpu, gb, spot }): CostLine => ({
        service: 'Fargate',
        what: `${name}: ${tasks} x ${vcpu} vCPU, ${gb} GB${spot ? ', Spot' : ''}`,
        usd: tasks * taskHour(vcpu, gb, spot, priceOf) * HOURS,
      }),
    ),
    ...ofType(resources, 'AWS::WAFv2::WebACL').map(
      ({ Rules }): CostLine => ({
        service: 'WAF',
        what: `${(Rules as unknown[]).length} rules`,
        usd: priceOf('waf.acl') + (Rules as unknown[]).length * priceOf('waf.rule'),
      }),
    ),
    cloudWatch(resources, { priceOf, assumed }),
    {
      service: 'Keys and secrets',
      what: `${count('AWS::KMS::Key')} keys, ${count('AWS::SecretsManager::Secret')} secrets`,
      usd:
        count('AWS::KMS::Key') * priceOf('kms.key') +
        count('AWS::SecretsManager::Secret') * priceOf('secret') +
        count('AWS::ServiceDiscovery::PrivateDnsNamespace') * priceOf('route53.zone'),
    },
    { service: 'ClickHouse Cloud', what: 'assumed', usd: assumedFor('clickhouseMonthly') },
    { service: 'Temporal Cloud', what: 'assumed', usd: assumedFor('temporalCloudMonthly') },
  ];
  return lines.filter(({ usd }) => usd > 0);
}

/** Dollars per hour of one task. */
export function taskHour(vcpu: number, gb: number, spot: boolean, priceOf: CostInputs['priceOf']): number {
  return (vcpu * priceOf('fargate.vcpu') + gb * priceOf('fargate.gb')) * (spot ? priceOf('fargate.spot.share') : 1);
}

function cloudWatch(resources: Resources, { priceOf, assumed }: Pick<CostInputs, 'priceOf' | 'assumed'>): CostLine {
  const alarms = ofType(resources, 'AWS::CloudWatch::Alarm');
  // An alarm over an expression pays for each metric in it.
  const alarmed = alarms.reduce(
    (sum, { Metrics = [{ MetricStat: {} }] }) =>
      sum + (Metrics as { MetricStat?: unknown }[]).filter(({ MetricStat }) => MetricStat !== undefined).length,
    0,
  );
  const own = new Set(
    ofType(resources, 'AWS::CloudWatch::Dashboard').flatMap(
      ({ DashboardBody }) =>
        JSON.stringify(DashboardBody).match(/FlexPrice[\\",]+\w+[\\",]+environment[\\",]+[\w-]+[\\",]+service[\\",]+\w+/g) ?? [],
    ),
  ).size;
  const insights = services(resources).length * assumed.containerInsightsMetricsPerService;
  const dashboards = ofType(resources, 'AWS::CloudWatch::Dashboard').length;
  return {
    service: 'CloudWatch',
    what: `${own + insights} metrics, ${alarms.length} alarms, ${dashboards} dashboards`,
    usd:
      (own + insights) * priceOf('cloudwatch.metric') +
      alarmed * priceOf('cloudwatch.alarm') +
      ofType(resources, 'AWS::CloudWatch::CompositeAlarm').length * priceOf('cloudwatch.composite') +
      dashboards * priceOf('cloudwatch.dashboard'),
  };
}
