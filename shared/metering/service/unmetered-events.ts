import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { createUnmeteredEventRepository } from '../repository/unmetered-events.ts';

export type { EventPosition, UnmeteredEvent, UnmeteredSelection } from '../repository/unmetered-events.ts';
export type UnmeteredEventService = ReturnType<typeof createUnmeteredEventService>;

/** Stored events that none of the given meters takes, for whoever tells of them. Throws `service_unavailable` when ClickHouse does not answer. */
export function createUnmeteredEventService({ clickhouse }: { readonly clickhouse: () => ClickHouse }) {
  return {
    examples: (...asked: Parameters<Repository['examples']>) => createUnmeteredEventRepository(clickhouse()).examples(...asked),
    page: (...asked: Parameters<Repository['page']>) => createUnmeteredEventRepository(clickhouse()).page(...asked),
  };
}

type Repository = ReturnType<typeof createUnmeteredEventRepository>;
