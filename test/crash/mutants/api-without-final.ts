import { createEventService } from '#metering/service/events.ts';
import { createEventAccounts } from '#ingestion/service/event-accounts.ts';
import { createInFlight } from '#ingestion/service/in-flight.ts';
import { createUsageService } from '#metering/service/usage.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { runMutantApi } from './api.ts';

// Reads without FINAL count a row as often as it was written.
runMutantApi((app) => {
  const { clickhouse: real, meters, customers, clock } = app;
  const clickhouse: ClickHouse = {
    ...real,
    query: (sql, ...rest) => real.query(sql.replaceAll('FROM events FINAL', 'FROM events'), ...rest),
  };
  return {
    usage: createUsageService({ clickhouse, meters, customers, clock }),
    events: createEventService({
      clickhouse,
      accounts: createEventAccounts(clickhouse),
      inFlight: createInFlight(() => app.eventLog),
      meters,
      customers,
      clock,
    }),
  };
});
