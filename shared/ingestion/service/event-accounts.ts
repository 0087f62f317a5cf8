import type { RequestContext } from '#kernel/context.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { EventCopy, RejectedEvent } from '../domain/ledger.ts';
import { createEventLedger } from '../repository/ledger.ts';

/** What is known of one accepted event beside the event itself. */
export interface EventAccounts {
  /** Copies of the event that did not count, the earliest accepted first. */
  copies(ctx: RequestContext, id: string): Promise<EventCopy[]>;
  /** Why events under this id could not be stored, the earliest accepted first. */
  rejections(ctx: RequestContext, id: string): Promise<RejectedEvent[]>;
}

/** The ledger's answers about single events. They throw `service_unavailable` when ClickHouse does not answer. */
export function createEventAccounts(clickhouse: ClickHouse): EventAccounts {
  const { copies, rejections } = createEventLedger(clickhouse);
  return { copies, rejections };
}
