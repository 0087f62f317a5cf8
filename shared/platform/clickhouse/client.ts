import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type ClickHouseClient, ClickHouseLogLevel, type ClickHouseSettings, createClient } from '@clickhouse/client';
import type { Config } from '#platform/config/schema.ts';
import { asUnavailable } from './errors.ts';

export type ClickHouseConfig = Pick<Config, 'clickhouse'>;

/** Named values of `{name:Type}` placeholders. Caller text travels only here, never in SQL. */
export type QueryParameters = Readonly<Record<string, unknown>>;

/** The one way to ClickHouse. Errors: `service_unavailable` when the engine does not answer, anything else is a bug and an error of ClickHouse's own. */
export interface ClickHouse {
  /** Rows as JSON objects; decimals and 64-bit integers arrive as text. */
  query<Row>(sql: string, parameters?: QueryParameters, settings?: ClickHouseSettings): Promise<Row[]>;
  /**
   * Inserts rows, values in the order of the columns, synchronously: when this returns they are stored.
   * In a cluster a second insert of the same rows under the same token into the same partitions is dropped. Other rows are not, whatever their
   * token: a log that is set up anew counts from 0 again, and a decision that is repeated may come out differently. On one server the
   * rows are stored again, so a table has to replace them by its order key, and readers use FINAL.
   */
  insert(insert: { table: string; columns: readonly string[]; rows: readonly (readonly unknown[])[]; token: string }): Promise<void>;
  /** A statement without a result, such as DDL. */
  command(sql: string): Promise<void>;
  /** Resolves when the engine answers a query. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Every setting that decides about duplicates, decimals or time is written down here,
 * because server defaults differ between versions (26.7 has async_insert=1 and unquoted decimals).
 */
const SETTINGS: ClickHouseSettings = {
  async_insert: 0,
  insert_deduplicate: 1,
  wait_end_of_query: 1,
  output_format_json_quote_decimals: 1,
  output_format_json_quote_64bit_integers: 1,
  output_format_decimal_trailing_zeros: 0,
  date_time_input_format: 'best_effort',
  date_time_output_format: 'iso',
  session_timezone: 'UTC',
  join_use_nulls: 1,
  // Starts of windows and hashes of ids stand in the statement.
  max_query_size: '16777216',
  // An event may lie in any month: a batch of backfilled events must not be refused for spanning many.
  max_partitions_per_insert_block: '0',
};

/** Opens a pool of kept-alive connections. Throws a plain Error when no URL is configured. */
export function createClickHouse({ clickhouse }: ClickHouseConfig): ClickHouse {
  return wrap(connect(clickhouse, clickhouse.database), clickhouse);
}

/** For migrations: the same connection without a database, which may not exist yet. */
export function createClickHouseWithoutDatabase({ clickhouse }: ClickHouseConfig): ClickHouse {
  return wrap(connect(clickhouse, 'default'), clickhouse);
}

function connect(config: Config['clickhouse'], database: string): ClickHouseClient {
  if (config.url === undefined) throw new Error('clickhouse.url is not configured (FLEXPRICE_CLICKHOUSE_URL)');
  // Over the internet bytes cost more than processor time; to an engine on the same machine it is the other way round.
  const compress = config.url.startsWith('https:');
  return createClient({
    url: config.url,
    database,
    username: config.user,
    ...(config.password === undefined ? {} : { password: config.password }),
    request_timeout: config.request_timeout_ms,
    max_open_connections: 10,
    // Lists of customers or filter values outgrow a URL.
    use_multipart_params_auto: true,
    keep_alive: { enabled: true, idle_socket_ttl: 2500 },
    compression: { request: compress, response: compress },
    clickhouse_settings: SETTINGS,
    // Errors reach the caller; the client's own log would print queries and their data.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

function wrap(client: ClickHouseClient, { request_timeout_ms }: Config['clickhouse']): ClickHouse {
  // Nobody reads an answer that comes later: the engine stops, too.
  const untilGivenUp: ClickHouseSettings = { max_execution_time: Math.ceil(request_timeout_ms / 1000) };
  return {
    query: <Row>(sql: string, parameters: QueryParameters = {}, settings: ClickHouseSettings = {}) =>
      asUnavailable(async () => {
        const result = await client.query({
          query: sql,
          query_params: { ...parameters },
          format: 'JSONEachRow',
          clickhouse_settings: { ...untilGivenUp, ...settings },
        });
        return (await result.json<Row>()) as Row[];
      }),
    insert: ({ table, columns, rows, token }) =>
      asUnavailable(async () => {
        // Arrays: half of a row's JSON would be names otherwise, and the engine would look each of them up.
        const text = rows.map((row) => JSON.stringify(row)).join('\n');
        const { stream } = await client.exec({
          query: `INSERT INTO ${table} (${columns.join(', ')}) FORMAT JSONCompactEachRow`,
          values: Readable.from([Buffer.from(text, 'utf8')], { objectMode: false }),
          clickhouse_settings: { insert_deduplication_token: `${token}:${hash('sha256', text, 'base64url').slice(0, 16)}` },
        });
        // The connection returns to the pool once its answer is read.
        for await (const _ of stream);
      }),
    command: (sql) =>
      asUnavailable(
        async () => {
          await client.command({ query: sql });
        },
        { withQuotes: true },
      ),
    ping: () =>
      asUnavailable(async () => {
        const answer = await client.ping({ select: true });
        if (!answer.success) throw answer.error;
      }),
    close: () => client.close(),
  };
}
