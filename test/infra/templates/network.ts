import { expect, test } from 'vitest';
import { environmentConfig } from '../../../infra/config/environments.ts';
import { pairs, rolesOf, waysOut } from '../../../infra/network/rules.ts';
import type { Synthesised } from '../synthesised.ts';

type Rule = Readonly<Record<string, unknown>>;

export function networkTests(env: string, of: () => Synthesised): void {
  const config = environmentConfig(env);

  /** Logical ids of security groups, and the roles that they are of. */
  const roles = (): Map<string, string> =>
    new Map(
      Object.entries(of().stacks.get('network')?.Resources ?? {})
        .filter(([, { Type }]) => Type === 'AWS::EC2::SecurityGroup')
        .map(([id, { Properties }]) => [id, String(Properties?.GroupDescription).replace('FlexPrice ', '')]),
    );
  const roleOf = (reference: unknown): string | undefined =>
    roles().get(String((reference as { 'Fn::GetAtt'?: string[] })['Fn::GetAtt']?.[0]));

  test('ways between security groups are the ones drawn, and nobody comes in from outside', () => {
    const rules: Rule[] = [
      ...of().properties('AWS::EC2::SecurityGroupIngress'),
      ...of()
        .properties('AWS::EC2::SecurityGroup')
        .flatMap(({ SecurityGroupIngress = [] }) => SecurityGroupIngress as Rule[]),
    ];
    for (const { CidrIp, CidrIpv6 } of rules) expect([CidrIp, CidrIpv6]).toEqual([undefined, undefined]);
    const drawn = rules.map(
      ({ SourceSecurityGroupId, GroupId, FromPort, ToPort }) =>
        `${roleOf(SourceSecurityGroupId)} > ${roleOf(GroupId)}:${FromPort}-${ToPort}`,
    );
    expect(drawn.sort()).toEqual(
      pairs(config)
        .map(({ from, to, port }) => `${from} > ${to}:${port}-${port}`)
        .sort(),
    );
    const groups = [...roles().values()];
    expect(groups.sort()).toEqual(rolesOf(config).sort());
  });

  test('ways out are the ones named, each on one port', () => {
    const ways = Object.entries(of().stacks.get('network')?.Resources ?? {})
      .filter(([, { Type }]) => Type === 'AWS::EC2::SecurityGroup')
      .flatMap(([id, { Properties }]) =>
        ((Properties?.SecurityGroupEgress ?? []) as Rule[]).map((rule) => ({ role: roles().get(id), ...rule }) as Rule),
      )
      .filter(({ CidrIp }) => CidrIp === '0.0.0.0/0')
      .map(({ role, FromPort, ToPort }) => `${role}:${FromPort}-${ToPort}`);
    expect(ways.sort()).toEqual(
      waysOut(config)
        .map(({ from, port }) => `${from}:${port}-${port}`)
        .sort(),
    );
  });

  test('zones, NATs and endpoints are those of the configuration', () => {
    const subnets = of().properties('AWS::EC2::Subnet');
    expect([...new Set(subnets.map(({ AvailabilityZone }) => AvailabilityZone))].sort()).toEqual([...config.availabilityZones].sort());
    for (const { MapPublicIpOnLaunch } of subnets) expect(MapPublicIpOnLaunch).toBe(false);
    expect(of().properties('AWS::EC2::NatGateway')).toHaveLength(config.natGateways);
    expect(Object.keys(of().stacks.get('network')?.Outputs ?? {}).filter((name) => name.startsWith('NatAddress'))).toHaveLength(
      config.natGateways,
    );
    expect(
      of()
        .properties('AWS::EC2::VPCEndpoint')
        .filter(({ VpcEndpointType }) => VpcEndpointType === 'Interface'),
    ).toHaveLength(config.interfaceEndpoints.length);
    expect(
      of()
        .properties('AWS::EC2::VPCEndpoint')
        .filter(({ VpcEndpointType }) => VpcEndpointType === 'Gateway'),
    ).toHaveLength(1);
    expect(of().properties('AWS::EC2::FlowLog')).toEqual([expect.objectContaining({ TrafficType: 'ALL' })]);
  });
}
