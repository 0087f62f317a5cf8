import { Logger } from '@aws-lambda-powertools/logger';
import type { Config } from '../config/schema.ts';

export type { Logger } from '@aws-lambda-powertools/logger';

/**
 * JSON logger of a process. Callers log ids and counts, never bodies, event properties or credentials.
 * @param service name of the process: `management`, `ingest`, `consumer`, `worker`
 */
export function createLogger(config: Config, service: string): Logger {
  return new Logger({ serviceName: service, logLevel: config.log.level, environment: config.deployment.environment });
}

/** An error as log fields: name, message and stack of it and its causes, without the fields that drivers attach (they hold parameters). */
export function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: { message: String(error) } };
  return {
    error: {
      name: error.name,
      message: error.message,
      stack: error.stack,
      ...(error.cause === undefined ? {} : { cause: errorFields(error.cause).error }),
      ...(error instanceof AggregateError ? { errors: error.errors.map((each: unknown) => errorFields(each).error) } : {}),
    },
  };
}
