import { DomainError } from '#kernel/errors.ts';

export interface Operation {
  readonly method: string;
  /** With `{name}` for parameters. */
  readonly path: string;
}

let loaded: Promise<readonly Operation[]> | undefined;

/** What clients of FlexPrice may ask for, whether it is served here or not (test/conformance/api-surface.tsv). */
function knownOperations(): Promise<readonly Operation[]> {
  loaded ??= import('./known-operations.generated.json', { with: { type: 'json' } }).then(({ default: methods }) =>
    Object.entries(methods).flatMap(([path, list]) => list.split(' ').map((method) => ({ method, path }))),
  );
  return loaded;
}

/** The known operations below a prefix that its routes do not serve. As routes that answer so, none of them is taken for the id of something. */
export async function notServedBelow(prefix: string, routes: readonly Operation[]): Promise<Operation[]> {
  const served = new Set(routes.map(keyOf));
  return (await knownOperations()).filter((known) => isBelow(prefix, known.path) && !served.has(keyOf(known)));
}

/** The error for a request that no route takes: one that FlexPrice would take is named. Null for a path that nobody knows. */
export async function notPartOfThisVersion(method: string, path: string): Promise<DomainError | null> {
  const segments = path.replace(/\/$/, '').split('/');
  const fits = (known: Operation): boolean => {
    const parts = known.path.split('/');
    return (
      known.method === method &&
      parts.length === segments.length &&
      parts.every((part, index) => isParameter(part) || part === segments[index])
    );
  };
  const known = (await knownOperations()).find(fits);
  return known === undefined
    ? null
    : new DomainError('not_found', `${method} ${known.path} is not part of this version`, {
        operation: `${method} ${known.path}`,
        reason: 'FlexPrice has this operation, this version of the product has not: docs/compatibility.md lists those that are there',
      });
}

function isBelow(prefix: string, path: string): boolean {
  const parts = path.split('/');
  return prefix.split('/').every((part, index) => part === parts[index] || (isParameter(part) && isParameter(parts[index] ?? '')));
}

function isParameter(segment: string): boolean {
  return segment.startsWith('{');
}

/** Names of parameters do not matter. */
function keyOf({ method, path }: Operation): string {
  return `${method} ${path.replace(/\{\w+\}/g, '{}')}`;
}
