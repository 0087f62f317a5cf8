import { ClickHouseError } from '@clickhouse/client';
import { DomainError, unavailable } from '#kernel/errors.ts';

/** Server errors that pass by themselves: overload, time limits, replicas or Keeper away. All others are faults of ours. */
const PASSING_CODES = new Set([
  '159', // TIMEOUT_EXCEEDED
  '160', // TOO_SLOW
  '164', // READONLY (a replica that lost its Keeper session)
  '202', // TOO_MANY_SIMULTANEOUS_QUERIES
  '203', // NO_FREE_CONNECTION
  '209', // SOCKET_TIMEOUT
  '210', // NETWORK_ERROR
  '225', // NO_ZOOKEEPER
  '241', // MEMORY_LIMIT_EXCEEDED
  '242', // TABLE_IS_READ_ONLY
  '243', // NOT_ENOUGH_SPACE
  '252', // TOO_MANY_PARTS
  '279', // ALL_CONNECTION_TRIES_FAILED
  '285', // TOO_FEW_LIVE_REPLICAS
  '286', // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
  '319', // UNKNOWN_STATUS_OF_INSERT
  '394', // QUERY_WAS_CANCELLED
  '425', // SYSTEM_ERROR
  '439', // CANNOT_SCHEDULE_TASK
  '745', // SERVER_OVERLOADED
  '999', // KEEPER_EXCEPTION
]);

/**
 * Runs a call to ClickHouse; an engine that is away or overloaded becomes `service_unavailable`, a wrong statement stays an error of
 * ClickHouse. What the engine quotes is kept only `withQuotes`: for statements that hold nothing of a tenant's.
 */
export async function asUnavailable<Result>(
  call: () => Promise<Result>,
  { withQuotes = false }: { withQuotes?: boolean } = {},
): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof DomainError) throw error;
    if (error instanceof ClickHouseError && !PASSING_CODES.has(error.code)) throw withQuotes ? error : unquoted(error);
    // What is not the engine's own error is a socket, a time-out or a proxy in between.
    if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) throw error;
    throw unavailable('clickhouse', error instanceof ClickHouseError ? unquoted(error) : error);
  }
}

/** What the engine says up to what it quotes: it quotes rows and parameters, which are content of tenants, and messages go to logs. */
function unquoted({ message, code, type }: ClickHouseError): ClickHouseError {
  const [said = ''] = message.split(/['"]/, 1);
  return new ClickHouseError({ message: `${type ?? 'error'} ${code}: ${said.trim()}`, code, ...(type === undefined ? {} : { type }) });
}
