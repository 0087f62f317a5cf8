import * as z from 'zod';
import { DomainError, ForbiddenError, UnauthorizedError } from '#kernel/errors.ts';
import { reasonOf } from './reason.ts';
import type { Reply } from './route.ts';

/** Flat error body of every handler error (wire-rules.md section 4). */
export const ErrorResponse = z.object({
  code: z.string(),
  message: z.string(),
  http_status_code: z.int(),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** Characters of each text of an error body. */
const MOST_CHARACTERS = 1_000;

/** What errors say, with long texts cut off: they quote what was sent, such as the name of a field, and that may be as large as a request. */
function quoted(said: unknown): unknown {
  if (typeof said === 'string') return said.length <= MOST_CHARACTERS ? said : `${said.slice(0, MOST_CHARACTERS).toWellFormed()}…`;
  if (Array.isArray(said)) return said.map(quoted);
  if (typeof said !== 'object' || said === null || Object.getPrototypeOf(said) !== Object.prototype) return said;
  return Object.fromEntries(Object.entries(said).map(([name, inner]) => [name, quoted(inner)]));
}

/** The answer to an error. What the caller is not meant to see becomes a plain 500. */
export function errorReply(error: unknown): Reply {
  if (error instanceof UnauthorizedError)
    return {
      status: 401,
      headers: { 'WWW-Authenticate': `ApiKey realm="flexprice", header="${error.header}"` },
      body: { error: error.message },
    };
  if (error instanceof ForbiddenError) return { status: 403, body: error.body };
  if (error instanceof z.ZodError) return errorReply(validationError(error));
  if (error instanceof DomainError) {
    const retryAfter = error.details?.retry_after_seconds ?? (error.httpStatus === 503 ? 1 : undefined);
    return {
      status: error.httpStatus,
      ...(retryAfter === undefined ? {} : { headers: { 'Retry-After': String(retryAfter) } }),
      body: {
        code: error.code,
        message: quoted(error.message),
        http_status_code: error.httpStatus,
        ...(error.details ? { details: quoted(error.details) } : {}),
      },
    };
  }
  return { status: 500, body: { code: 'internal_error', message: 'something went wrong on our side', http_status_code: 500 } };
}

/** All issues of a schema as one validation error; the message names the first field. */
export function validationError(error: z.ZodError, prefix: string = ''): DomainError {
  const issues = refusalsOf(error.issues.slice(0, 100), prefix).slice(0, 100);
  const first = issues[0] ?? { field: 'body', reason: 'is not valid' };
  return new DomainError('validation_error', `${first.field}: ${first.reason}`, { ...first, errors: issues });
}

/** What a schema says, in the words of an error body; `prefix` is the path of the value that it was asked about. */
export function refusalsOf(issues: readonly z.core.$ZodIssue[], prefix: string = ''): { field: string; reason: string }[] {
  return issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ field: fieldOf(prefix, [...issue.path, key]), reason: 'is not known here' }))
      : [{ field: fieldOf(prefix, issue.path), reason: reasonOf(issue) }],
  );
}

/** How errors name a place in a request: `filters[2].value`. */
export function fieldOf(prefix: string, path: readonly PropertyKey[]): string {
  const field = path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`),
    prefix,
  );
  return field === '' ? 'body' : field;
}
