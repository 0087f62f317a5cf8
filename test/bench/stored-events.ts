import { setTimeout as delay } from 'node:timers/promises';
import type { ClickHouse } from '#platform/clickhouse/client.ts';

/** What questions are asked about. */
export const EVENT_NAME = 'llm_usage';
export const RANGE = { start: '2026-01-01T00:00:00Z', end: '2026-01-31T00:00:00Z' };
const DAYS = 30;
const BATCH_ROWS = 100_000;

export function customerId(number: number): string {
  return `customer-${number}`;
}

/**
 * So many events in the table, spread over customers and a month; made by the engine itself, those that are missing. Resolves once the
 * engine has finished merging them: a table that lives is mostly merged, and merging takes the processors.
 */
export async function storeEvents(
  clickhouse: ClickHouse,
  { tenantId, environmentId }: { tenantId: string; environmentId: string },
  events: number,
  customers: number,
): Promise<void> {
  const [there] = await clickhouse.query<{ n: string }>(`SELECT count() AS n FROM events WHERE event_name = '${EVENT_NAME}'`);
  for (let from = Number(there?.n); from < events; from += BATCH_ROWS) {
    await clickhouse.command(
      `INSERT INTO events (tenant_id, environment_id, external_customer_id, event_name, timestamp, id, customer_id, source, properties, ingested_at, topic, partition, offset, line)
       SELECT '${tenantId}', '${environmentId}', concat('customer-', toString(number % ${customers})), '${EVENT_NAME}',
              toDateTime64('${RANGE.start.slice(0, 10)} 00:00:00', 3, 'UTC') + toIntervalSecond(cityHash64(number) % ${DAYS * 86_400}),
              concat('usage-event-', toString(number)), '', 'bench',
              concat('{"tokens":', toString(1 + number % 5000), '.25,"model":"', if(number % 3 = 0, 'large', 'small'), '"}'),
              toDateTime64('${RANGE.end.slice(0, 10)} 00:00:00', 3, 'UTC'), 'events', toUInt32(number % 8), number, 0
       FROM numbers(${from}, ${Math.min(BATCH_ROWS, events - from)})`,
    );
  }
  await merged(clickhouse);
}

async function merged(clickhouse: ClickHouse): Promise<void> {
  for (let quiet = 0; quiet < 3; await delay(500)) {
    const [row] = await clickhouse.query<{ n: string }>(`SELECT count() AS n FROM system.merges WHERE database = currentDatabase()`);
    quiet = row?.n === '0' ? quiet + 1 : 0;
  }
}
