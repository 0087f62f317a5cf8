import type { Synthesised } from './synthesised.ts';

/** What a template gives a function or a container: text as it stands there, or the pieces of an expression that CloudFormation resolves. */
export type Variables = Readonly<Record<string, string>>;

interface Container {
  readonly Name: string;
  readonly Environment?: readonly { Name: string; Value: unknown }[];
  readonly Secrets?: readonly { Name: string; ValueFrom: unknown }[];
}

/** Functions of ours by the description that they are deployed with, which is the one thing that names them in a template. */
const FUNCTIONS = {
  'Accepts usage events': 'ingest',
  'Everything but the acceptance of events': 'management',
  'Applies database migrations': 'migrate',
  'Looks up the brokers of the MSK cluster': 'kafka-bootstrap',
  'Sends an event and waits for its usage': 'canary',
} as const;

/** A value that only CloudFormation or ECS knows. */
export const RESOLVED_LATER = 'resolved-at-deploy';

/** Environment variables by process: functions and the containers that run our own code. */
export function deployedProcesses(templates: Synthesised): ReadonlyMap<string, Variables> {
  const functions = templates
    .properties('AWS::Lambda::Function')
    .filter(({ Handler }) => Handler === 'index.handler')
    .map(({ Description, Environment }) => {
      const name = (FUNCTIONS as Readonly<Record<string, string>>)[String(Description)];
      if (name === undefined) throw new Error(`the function "${String(Description)}" is not known to this test`);
      return [name, texts(Object.entries((Environment as { Variables?: Record<string, unknown> } | undefined)?.Variables ?? {}))] as const;
    });
  const containers = templates
    .properties('AWS::ECS::TaskDefinition')
    .flatMap(({ ContainerDefinitions }) => ContainerDefinitions as Container[])
    .filter(({ Name }) => ['consumer', 'relay', 'worker'].includes(Name))
    .map(
      ({ Name, Environment = [], Secrets = [] }) =>
        [
          Name,
          texts([
            ...Environment.map((each) => [each.Name, each.Value] as const),
            ...Secrets.map((each) => [each.Name, each.ValueFrom] as const),
          ]),
        ] as const,
    );
  return new Map([...functions, ...containers]);
}

function texts(entries: readonly (readonly [string, unknown])[]): Variables {
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' && !value.startsWith('secretsmanager:') ? value : RESOLVED_LATER]),
  );
}

/**
 * The variables with the addresses and logins of local engines in place of those of AWS. Only values change: what a template does not give
 * is not given here either, though `values` may name it. Throws for a value that is known at the deploy only and not replaced.
 */
export function onLocalEngines(variables: Variables, values: Variables): Variables {
  return resolved(Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, values[name] ?? value])), {});
}

/** The variables with the deploy-time values put in: those that are in `values`, by name. Throws for one that has none. */
export function resolved(variables: Variables, values: Variables): Variables {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => {
      if (value !== RESOLVED_LATER) return [name, value];
      const known = values[name];
      if (known === undefined) throw new Error(`${name} is resolved at the deploy, and this test does not know to what`);
      return [name, known];
    }),
  );
}
