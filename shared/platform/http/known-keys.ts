import * as z from 'zod';
import { DomainError } from '#kernel/errors.ts';
import { bodyValue } from './body.ts';
import { fieldOf } from './error-body.ts';
import type { HttpRequest } from './request.ts';
import { readKeys } from './request-keys.ts';
import type { Route } from './route.ts';

type Operation = Pick<Route, 'unknownKeys' | 'foreignKeys'>;

/** As many as a caller reads. */
const NAMED = 100;
const NO_KEYS = z.object({});

/**
 * What an operation's schema is to read of a request: without the keys that mean nothing here. Throws a validation error that names each key
 * which neither the schema nor the table of the operation has: what a caller asks for is never dropped silently.
 */
export function knownKeys({ unknownKeys, foreignKeys }: Operation, schema: z.ZodType | undefined, value: unknown): unknown {
  if (unknownKeys === 'taken') return value;
  const found = readKeys(schema ?? NO_KEYS, value);
  const refused = found.unknown.slice(0, NAMED).flatMap((path) => {
    const field = fieldOf('', path);
    const key = field.replace(/\[\d+\]/g, '[]');
    if (Object.hasOwn(foreignKeys.ignored ?? {}, key)) return [];
    if (!foreignKeys.lacking?.includes(key)) return [{ field, reason: 'is not known here' }];
    return asksForNothing(at(value, path)) ? [] : [{ field, reason: 'is not part of this version' }];
  });
  const [first] = refused;
  if (first !== undefined) throw new DomainError('validation_error', `${first.field}: ${first.reason}`, { ...first, errors: refused });
  return found.value;
}

/** The body of a request, as an operation's schema is to read it. Undefined where the operation takes none and none came. */
export function bodyOf(route: Pick<Route, 'method' | 'body'> & Operation, request: HttpRequest): unknown {
  if (route.body === undefined && (route.method === 'GET' || route.unknownKeys === 'taken' || request.body.trim() === '')) return undefined;
  return knownKeys(route, route.body, bodyValue(request));
}

function at(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Readonly<Record<string, unknown>>)[key], value);
}

/** Clients that were made from FlexPrice's document may send every key they have. */
function asksForNothing(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === null || value === '' || value === false;
}
