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

/** The answer to an error. What the caller is not meant to see becomes a plain 500. */
export function errorReply(error: unknown): Reply {
  if (error instanceof UnauthorizedError) return { status: 401, body: { error: error.message } };
  if (error instanceof ForbiddenError) return { status: 403, body: error.body };
  if (error instanceof z.ZodError) return errorReply(validationError(error));
  if (error instanceof DomainError) {
    const retryAfter = error.details?.retry_after_seconds ?? (error.httpStatus === 503 ? 1 : undefined);
    return {
      status: error.httpStatus,
      ...(retryAfter === undefined ? {} : { headers: { 'Retry-After': String(retryAfter) } }),
      body: {
        code: error.code,
        message: error.message,
        http_status_code: error.httpStatus,
        ...(error.details ? { details: error.details } : {}),
      },
    };
  }
  return { status: 500, body: { code: 'internal_error', message: 'something went wrong on our side', http_status_code: 500 } };
}

/** All issues of a schema as one validation error; the message names the first field. */
export function validationError(error: z.ZodError, prefix: string = ''): DomainError {
  const issues = refusalsOf(error.issues.slice(0, 100), prefix);
  const first = issues[0] ?? { field: 'body', reason: 'is not valid' };
  return new DomainError('validation_error', `${first.field}: ${first.reason}`, { ...first, errors: issues });
}

/** What a schema says, in the words of an error body; `prefix` is the path of the value that it was asked about. */
export function refusalsOf(issues: readonly z.core.$ZodIssue[], prefix: string = ''): { field: string; reason: string }[] {
  return issues.map((issue) => ({ field: fieldOf(prefix, issue.path), reason: reasonOf(issue) }));
}

function fieldOf(prefix: string, path: readonly PropertyKey[]): string {
  const field = path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`),
    prefix,
  );
  return field === '' ? 'body' : field;
}
