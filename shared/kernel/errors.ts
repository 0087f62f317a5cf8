/** Wire codes and their HTTP status (wire-rules.md section 4). */
const HTTP_STATUS = {
  validation_error: 400,
  invalid_operation: 400,
  permission_denied: 403,
  not_found: 404,
  already_exists: 409,
  version_conflict: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  too_many_requests: 429,
  internal_error: 500,
  not_implemented: 501,
  service_unavailable: 503,
} as const;

export type ErrorCode = keyof typeof HTTP_STATUS;
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** An error that the caller is meant to see. Everything else becomes `internal_error` without its text. */
export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails | undefined;

  constructor(code: ErrorCode, message: string, details?: ErrorDetails, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DomainError';
    this.code = code;
    this.details = details;
  }

  get httpStatus(): number {
    return HTTP_STATUS[this.code];
  }
}

/** Missing or bad credential: its own body on the wire, 401 `{"error": ...}` (wire-rules.md section 2). */
export class UnauthorizedError extends Error {
  /** The header in which the credential is awaited: the body has no room to say it. */
  readonly header: string;

  constructor(header: string, message: string = 'Unauthorized') {
    super(message);
    this.name = 'UnauthorizedError';
    this.header = header;
  }
}

/** 403 with the bodies of wire-rules.md sections 2 and 3. */
export class ForbiddenError extends Error {
  readonly body: Readonly<Record<string, string>>;

  constructor(body: Readonly<Record<string, string>>) {
    super(body.message ?? body.error ?? 'forbidden');
    this.name = 'ForbiddenError';
    this.body = body;
  }
}

/** The request names a field that cannot be accepted. */
export function invalid(field: string, reason: string, details?: ErrorDetails): DomainError {
  return new DomainError('validation_error', `${field}: ${reason}`, { field, reason, ...details });
}

/** The request is well formed, but the entity's state forbids it. */
export function invalidOperation(message: string, details?: ErrorDetails): DomainError {
  return new DomainError('invalid_operation', message, details);
}

export function notFound(entity: string, id: string): DomainError {
  return new DomainError('not_found', `${entity} not found`, { entity, id });
}

export function alreadyExists(entity: string, field: string, value?: string): DomainError {
  return new DomainError('already_exists', `a ${entity} with this ${field} already exists`, {
    entity,
    field,
    ...(value === undefined ? {} : { value }),
  });
}

/** An engine did not answer: the caller may try again, and nothing was accepted. */
export function unavailable(engine: string, cause: unknown): DomainError {
  return new DomainError('service_unavailable', `${engine} is unavailable, try again`, { engine }, { cause });
}
