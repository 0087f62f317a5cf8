import { Decimal } from '#kernel/decimal.ts';
import { minorUnits } from '#kernel/money.ts';
import type { EventLog } from '#platform/event-log/event-log.ts';
import { toLogRecord } from '#platform/event-log/system-event.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import type { Metrics } from '#platform/observability/metrics.ts';
import type { OutboxRow } from '#platform/postgres/outbox.ts';
import { messageOf, type RelayDependencies } from './dependencies.ts';
import { outboxRows } from './outbox-rows.ts';

/** After so many refusals in a row the log is taken to be away, and the round ends. */
const FAILURES_IN_A_ROW = 3;

/** Counted here, where the change is committed. */
const INVOICE_FINALIZED = 'invoice.update.finalized';

/** What became of a row; without a failure it is in the log. */
interface Outcome {
  readonly row: OutboxRow;
  readonly failure?: string;
}

/** For so long rows in hand are this relay's; after a crash they come again. Longer than the log tries to take them. */
const IN_HAND = { minutes: 1 };

/**
 * Publishes the system events that are due, in order. No transaction is open while the log is asked, which may take its time. Rows are
 * marked after the log has them: a crash between the two publishes them again with the same ids, which consumers drop.
 * @returns the number of rows looked at
 */
export async function publishEvents({ database, eventLog, clock, logger, metrics }: RelayDependencies, batchSize: number): Promise<number> {
  const rows = await database.asSystem('relay events', async (tx) =>
    (await outboxRows.tryPublishingLock(tx)) ? outboxRows.takeEvents(tx, batchSize, clock.now(), clock.now().plus(IN_HAND)) : [],
  );
  if (rows.length === 0) return 0;
  const outcomes = await publish(eventLog, rows);
  const published = outcomes.filter(({ failure }) => failure === undefined).map(({ row }) => row);
  await database.asSystem('relay events', async (tx) => {
    await outboxRows.markPublished(
      tx,
      published.map(({ id }) => id),
      clock.now(),
    );
    for (const { row, failure } of outcomes) {
      if (failure !== undefined) await outboxRows.markFailed(tx, row, failure, clock.now());
    }
    const seen = new Set(outcomes.map(({ row }) => row.id));
    await outboxRows.giveBack(
      tx,
      rows.filter(({ id }) => !seen.has(id)).map(({ id }) => id),
    );
  });
  if (metrics?.enabled) countInvoices(metrics, published);
  for (const { row, failure } of outcomes) {
    if (failure === undefined) continue;
    logger.error('a system event could not be published', {
      id: row.id,
      event_name: row.eventName,
      failures: row.failureCount + 1,
      reason: failure,
    });
  }
  return rows.length;
}

function countInvoices(metrics: Metrics, published: readonly OutboxRow[]): void {
  const finalized = published.filter(({ eventName }) => eventName === INVOICE_FINALIZED);
  if (finalized.length > 0) metrics.record('InvoicesFinalised', finalized.length);
  for (const {
    payload: { total, currency },
  } of finalized) {
    if (typeof total !== 'string' || typeof currency !== 'string') continue;
    metrics.record('InvoiceAmountMinor', minorUnits(new Decimal(total), currency).toNumber(), { currency: currency.toUpperCase() });
  }
}

async function publish(eventLog: Pick<EventLog, 'append'>, rows: readonly OutboxRow[]): Promise<Outcome[]> {
  try {
    await eventLog.append(TOPICS.systemEvents, rows.map(toLogRecord));
    return rows.map((row) => ({ row }));
  } catch {
    // Either the log is away or it refuses one of the rows; one by one tells which.
    return publishOneByOne(eventLog, rows);
  }
}

/** What the failed batch has left in the log comes a second time: consumers drop it by its id. */
async function publishOneByOne(eventLog: Pick<EventLog, 'append'>, rows: readonly OutboxRow[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const held = new Set<string>();
  let failuresInARow = 0;
  for (const row of rows) {
    const entity = JSON.stringify([row.tenantId, row.environmentId, row.entityId]);
    // An entity's later events wait for its failed one, as they would in another round.
    if (held.has(entity)) continue;
    try {
      await eventLog.append(TOPICS.systemEvents, [toLogRecord(row)]);
      outcomes.push({ row });
      failuresInARow = 0;
    } catch (error) {
      held.add(entity);
      outcomes.push({ row, failure: messageOf(error) });
      failuresInARow += 1;
      if (failuresInARow === FAILURES_IN_A_ROW) break;
    }
  }
  return outcomes;
}
