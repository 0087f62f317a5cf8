/** A resource of a synthesised template. */
export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}
/** The resources of all stacks of an environment, by stack. */
export type Resources = readonly { readonly stack: string; readonly Resources: Readonly<Record<string, TemplateResource>> }[];

type Properties = Readonly<Record<string, unknown>>;

/** Properties of all resources of a type. */
export function ofType(resources: Resources, type: string): Properties[] {
  return resources
    .flatMap(({ Resources: each }) => Object.values(each))
    .filter(({ Type }) => Type === type)
    .map(({ Properties: properties = {} }) => properties);
}

export interface Tasks {
  readonly name: string;
  readonly count: number;
  readonly vcpu: number;
  readonly gb: number;
  readonly spot: boolean;
  readonly most: number;
}

/** The services with the size of their tasks. */
export function services(resources: Resources): Tasks[] {
  return resources.flatMap(({ Resources: each }) =>
    Object.entries(each)
      .filter(([, { Type }]) => Type === 'AWS::ECS::Service')
      .map(([id, { Properties = {} }]) => {
        const { Ref: definition = '' } = Properties.TaskDefinition as { Ref?: string };
        const { Cpu, Memory } = (each[definition]?.Properties ?? {}) as { Cpu?: string; Memory?: string };
        if (Cpu === undefined || Memory === undefined) throw new Error(`the size of the tasks of ${id} is not in the template`);
        const strategies = (Properties.CapacityProviderStrategy ?? []) as { CapacityProvider: string }[];
        const count = Number(Properties.DesiredCount ?? 1);
        const scaled = Object.values(each).find(
          (target) =>
            target.Type === 'AWS::ApplicationAutoScaling::ScalableTarget' &&
            JSON.stringify(target.Properties?.ResourceId).includes(`"${id}"`),
        );
        return {
          name: id.replace(/Service[0-9A-F]{8}$/, '').toLowerCase(),
          count,
          vcpu: Number(Cpu) / 1024,
          gb: Number(Memory) / 1024,
          spot: strategies.some(({ CapacityProvider }) => CapacityProvider === 'FARGATE_SPOT'),
          most: Number(scaled?.Properties?.MaxCapacity ?? count),
        };
      }),
  );
}

/** Memory of a function in GB, by the start of its logical id. */
export function functionMemoryGb(resources: Resources, name: string): number {
  for (const { Resources: each } of resources) {
    const [, found] =
      Object.entries(each).find(
        ([id, { Type, Properties }]) =>
          Type === 'AWS::Lambda::Function' && Properties?.Handler === 'index.handler' && new RegExp(`^${name}[0-9A-F]{8}$`).test(id),
      ) ?? [];
    if (found !== undefined) return Number(found.Properties?.MemorySize) / 1024;
  }
  throw new Error(`no template has a function ${name}`);
}
