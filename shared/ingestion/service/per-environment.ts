import { environmentKey, type RequestContext, systemContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { StoredSummary } from '#kernel/stored-summary.ts';

/** An environment with what was said of it, in the order of the log. */
export interface EnvironmentSummaries {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly summaries: readonly StoredSummary[];
}

export function byEnvironment(summaries: readonly StoredSummary[]): EnvironmentSummaries[] {
  return [...Map.groupBy(summaries, environmentKey).values()].map((own) => {
    const [{ tenantId, environmentId }] = own as [StoredSummary];
    return { tenantId, environmentId, summaries: own };
  });
}

/** Whose work it is, under which name, and what is logged where it fails for good. */
export interface Apart {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly name: string;
  readonly failure: string;
  readonly fields?: Readonly<Record<string, string>>;
}

/**
 * Does what follows for one environment, so that it holds up no other. An engine that is away comes back, and so does a row that somebody else
 * held: that is thrown, and the batch comes again. Anything else is this environment's own, and logged.
 */
export async function apart(
  { tenantId, environmentId, name, failure, fields = {} }: Apart,
  logger: EventLogLogger,
  work: (ctx: RequestContext) => Promise<unknown>,
): Promise<void> {
  try {
    await work(systemContext(tenantId, environmentId, name));
  } catch (error) {
    if (error instanceof DomainError && (error.code === 'service_unavailable' || error.code === 'version_conflict')) throw error;
    logger.error(failure, {
      ...fields,
      tenant_id: tenantId,
      environment_id: environmentId,
      reason: error instanceof Error ? error.message : String(error),
    });
  }
}
