// `node scripts/architecture-diagram.ts [file]`: draws a synthesised environment as a Mermaid diagram, from its templates alone:
// stacks, what runs and stores in them, and the ways that security groups, queues and the API open between them.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}
interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
}
/** Templates by the last part of the stack's name. */
export type Templates = ReadonlyMap<string, Template>;

/** What is drawn of each type, and how it is called. Everything else is detail. */
const DRAWN: Readonly<Record<string, (id: string, properties: Readonly<Record<string, unknown>>) => string | undefined>> = {
  'AWS::CloudFront::Distribution': () => 'CloudFront',
  'AWS::WAFv2::WebACL': () => 'WAF',
  'AWS::ApiGatewayV2::Api': () => 'HTTP API',
  'AWS::Lambda::Function': (id, { Handler }) => (Handler === 'index.handler' ? `Lambda ${nameOf(id)}` : undefined),
  'AWS::ECS::Service': (id) => `ECS ${nameOf(id.replace(/Service[0-9A-F]*$/, ''))}`,
  'AWS::MSK::Cluster': (_, { BrokerNodeGroupInfo: nodes, NumberOfBrokerNodes: count }) =>
    `MSK ${String(count)} x ${(nodes as { InstanceType: string }).InstanceType}`,
  'AWS::RDS::DBCluster': (_, { ServerlessV2ScalingConfiguration: scaling }) => `Aurora PostgreSQL ${range(scaling)} ACU`,
  'AWS::RDS::DBProxy': () => 'RDS Proxy',
  'AWS::SQS::Queue': (id) => `SQS ${nameOf(id)}`,
  'AWS::S3::Bucket': (id) => `S3 ${nameOf(id)}`,
  'AWS::EC2::NatGateway': () => 'NAT',
  'AWS::Backup::BackupVault': () => 'Backup vault',
  'AWS::SNS::Topic': (id) => `SNS ${nameOf(id)}`,
  'AWS::CloudWatch::Dashboard': (id) => `Dashboard ${nameOf(id.replace('Dashboard', ''))}`,
};

/** CloudFormation's ids end in eight digits of a hash. */
function nameOf(id: string): string {
  return id
    .replace(/[0-9A-F]{8}$/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
}

function range(scaling: unknown): string {
  const { MinCapacity, MaxCapacity } = scaling as { MinCapacity: number; MaxCapacity: number };
  return `${MinCapacity}-${MaxCapacity}`;
}

/** A box of the diagram: something drawn, in its stack. */
interface Box {
  readonly id: string;
  readonly stack: string;
  readonly label: string;
  readonly count: number;
}

/** Mermaid text of an environment's templates. The same templates always give the same text. */
export function architectureDiagram(templates: Templates): string {
  const boxes = [...templates].flatMap(([stack, { Resources }]) => {
    const labels = Object.entries(Resources)
      .map(([id, { Type, Properties = {} }]) => DRAWN[Type]?.(id, Properties))
      .filter((label) => label !== undefined);
    return [...Map.groupBy(labels.sort(), (label) => label)].map(
      ([label, same]): Box => ({ id: `${stack}_${label.replace(/\W+/g, '_')}`, stack, label, count: same.length }),
    );
  });
  const subgraphs = [...Map.groupBy(boxes, ({ stack }) => stack)].flatMap(([stack, inside]) => [
    `  subgraph ${stack}`,
    ...inside.map(({ id, label, count }) => `    ${id}["${label}${count > 1 ? ` x ${count}` : ''}"]`),
    '  end',
  ]);
  return ['flowchart LR', ...subgraphs, ...inwards(boxes), ...ways(templates, boxes)].join('\n');
}

/** From the edge to the functions, and to the queue beside them. */
function inwards(boxes: readonly Box[]): string[] {
  const [front, api, ingest, management, queue, relay] = [
    'CloudFront',
    'HTTP API',
    'Lambda ingest',
    'Lambda management',
    'SQS overflow',
    'ECS relay',
  ].map((label) => boxes.find((box) => box.label === label)?.id);
  const arrows: readonly (readonly [string | undefined, string | undefined, string])[] = [
    [front, api, 'https'],
    [api, ingest, 'POST events'],
    [api, management, 'everything else'],
    [ingest, queue, 'when Kafka is away'],
    [queue, relay, 'replay'],
  ];
  return arrows.filter(([from, to]) => from !== undefined && to !== undefined).map(([from, to, text]) => `  ${from} -- ${text} --> ${to}`);
}

/** The box of a security group's role. Roles without one, such as interface endpoints, are not drawn. */
function boxOf(role: string, boxes: readonly Box[]): string | undefined {
  const label: Readonly<Record<string, RegExp>> = { kafka: /^MSK/, postgres: /^Aurora/, proxy: /^RDS Proxy/ };
  return boxes.find((box) => (label[role] ?? new RegExp(`^(Lambda|ECS) ${role}$`)).test(box.label))?.id;
}

/** Who may talk to whom, by the rules of security groups. Each group is that of one role. */
function ways(templates: Templates, boxes: readonly Box[]): string[] {
  const network = templates.get('network')?.Resources ?? {};
  const roles = new Map(
    Object.entries(network)
      .filter(([, { Type }]) => Type === 'AWS::EC2::SecurityGroup')
      .map(([id, { Properties }]) => [id, String(Properties?.GroupDescription).replace('FlexPrice ', '')]),
  );
  const roleOf = (reference: unknown): string => roles.get((reference as { 'Fn::GetAtt': string[] })['Fn::GetAtt'][0] ?? '') ?? '';
  return Object.values(network)
    .filter(({ Type }) => Type === 'AWS::EC2::SecurityGroupIngress')
    .flatMap(({ Properties: rule = {} }) => {
      const [from, to] = [rule.SourceSecurityGroupId, rule.GroupId].map((group) => boxOf(roleOf(group), boxes));
      return from === undefined || to === undefined ? [] : [`  ${from} -- ${String(rule.FromPort)} --> ${to}`];
    })
    .sort();
}

interface Manifest {
  readonly artifacts?: Readonly<
    Record<string, { readonly type: string; readonly properties?: { readonly stackName?: string; readonly templateFile?: string } }>
  >;
}

/** The templates of the environment that `npm run synth` left in a folder, in the order of the stacks' names. */
export function readTemplates(outdir: string): Templates {
  const found: [string, Template][] = [];
  for (const assembly of readdirSync(outdir).filter((name) => name.startsWith('assembly-'))) {
    const { artifacts = {} } = JSON.parse(readFileSync(join(outdir, assembly, 'manifest.json'), 'utf8')) as Manifest;
    for (const { type, properties } of Object.values(artifacts)) {
      if (type !== 'aws:cloudformation:stack' || properties?.templateFile === undefined) continue;
      found.push([
        properties.stackName?.split('-').slice(2).join('-') ?? '',
        JSON.parse(readFileSync(join(outdir, assembly, properties.templateFile), 'utf8')) as Template,
      ]);
    }
  }
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

if (import.meta.main) console.log(architectureDiagram(readTemplates(resolve(process.argv[2] ?? 'cdk.out'))));
