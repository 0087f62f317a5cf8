import * as z from 'zod';

const port = z.coerce.number().int().min(0).max(65535);
const flag = z.preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean());
const positive = z.coerce.number().int().min(1);
const list = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? value
          .split(',')
          .map((part) => part.trim())
          .filter(Boolean)
      : value,
  z.array(z.string()),
);
/** A value that `npm run config` masks. */
const secret = z.string().min(1).meta({ secret: true });

/**
 * The whole configuration. A leaf's environment variable is `FLEXPRICE_` and its path in upper case
 * (`postgres.host` is `FLEXPRICE_POSTGRES_HOST`). An engine whose address is absent is the embedded one.
 */
export const configSchema = z.strictObject({
  deployment: z
    .strictObject({
      mode: z.enum(['api', 'consumer', 'relay', 'worker', 'local']).default('local'),
      environment: z.string().default('local'),
      /** A process that runs touches this file every few seconds, for the health check of its container. Absent: it touches none. */
      health_file: z.string().min(1).optional(),
    })
    .prefault({}),
  server: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      /** Absent: 8080, or the next free port when it is taken. Set: exactly this one, or a clear failure. */
      port: port.optional(),
      /** Checks every answer against its declared schema: for tests and Local Mode, off in production. */
      validate_responses: flag.default(false),
      /** Values of `x-origin-verify` that CloudFront adds. Set: a request without one of them is refused. */
      origin_verify: list.meta({ secret: true }).optional(),
    })
    .prefault({}),
  local: z
    .strictObject({
      data_dir: z.string().min(1).default('.flexprice'),
      api_key: secret.default('sk_local_flexprice_test_key'),
      demo: flag.default(true),
    })
    .prefault({}),
  postgres: z
    .strictObject({
      host: z.string().min(1).optional(),
      port: port.default(5432),
      database: z.string().min(1).default('flexprice'),
      user: z.string().min(1).default('flexprice_app'),
      password: secret.optional(),
      /** Owner of the tables: used by migrations only. */
      migrator_user: z.string().min(1).default('flexprice_migrator'),
      migrator_password: secret.optional(),
      /** `iam`: RDS's tokens, signed with the role of the process; implies TLS and needs `region`. */
      auth: z.enum(['password', 'iam']).default('password'),
      region: z.string().min(1).optional(),
      ssl: flag.default(false),
      /** Whose certificates are trusted. `rds`: those of Amazon RDS and its proxies, which Node does not bring along. */
      ssl_ca: z.enum(['system', 'rds']).default('system'),
      pool_max: positive.default(10),
      statement_timeout_ms: positive.default(30_000),
    })
    .prefault({}),
  clickhouse: z
    .strictObject({
      url: z.url().optional(),
      database: z
        .string()
        .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/)
        .default('flexprice'),
      user: z.string().default('default'),
      password: secret.optional(),
      request_timeout_ms: positive.default(60_000),
      /** Table engines of the migrations. `plain` fits one server and ClickHouse Cloud, `replicated` a cluster with Keeper. */
      engine: z.enum(['plain', 'replicated', 'shared']).default('plain'),
    })
    .prefault({}),
  kafka: z
    .strictObject({
      brokers: list.optional(),
      client_id: z.string().min(1).default('flexprice'),
      auth: z.enum(['none', 'iam']).default('none'),
      region: z.string().optional(),
      ssl: flag.default(false),
      replication_factor: positive.default(1),
    })
    .prefault({}),
  temporal: z
    .strictObject({
      address: z.string().min(1).optional(),
      namespace: z.string().min(1).default('default'),
      task_queue: z.string().min(1).default('flexprice'),
      api_key: secret.optional(),
      tls: flag.default(false),
    })
    .prefault({}),
  overflow: z
    .strictObject({
      /** SQS queue of ingest batches that the log did not take. Absent: a table in Postgres. */
      queue_url: z.url().optional(),
    })
    .prefault({}),
  auth: z
    .strictObject({
      header: z.string().min(1).default('x-api-key'),
      /** Full rights, bound to no environment. Absent: there is no such key. */
      root_key: secret.optional(),
      /** The tenant that the root key acts for. */
      root_tenant_id: z.string().min(1).optional(),
      cache_seconds: z.coerce.number().int().min(0).default(60),
    })
    .prefault({}),
  portal: z
    .strictObject({
      /** Address of the customer portal; `{token}` in it stands for the token of a session, best after a `#`, which no server's log sees. */
      url: z.url({ protocol: /^https?$/ }).optional(),
    })
    .prefault({}),
  events: z
    .strictObject({
      /** Tenants whose events travel on `events_lazy`. */
      lazy_tenants: list.default([]),
      max_future_hours: positive.default(24),
    })
    .prefault({}),
  consumer: z
    .strictObject({
      min_bytes: positive.default(262_144),
      max_wait_ms: positive.default(250),
      /** A member that is silent for this long loses its partitions to others. Absent: 10 s in Postgres, 45 s in Kafka. */
      session_timeout_ms: positive.optional(),
    })
    .prefault({}),
  billing: z
    .strictObject({
      sweep_seconds: positive.default(120),
      page_size: positive.max(1000).default(100),
      /** Late events still count for so long after a period's first computation; then its invoice is final. */
      finalization_delay_seconds: z.coerce.number().int().min(0).default(7200),
    })
    .prefault({}),
  counters: z
    .strictObject({
      /** How often usage counters that are behind are looked for. */
      reconcile_seconds: positive.default(300),
      /** A counter that was read so long ago is read anew, whether or not events came. */
      stale_seconds: positive.default(600),
    })
    .prefault({}),
  webhooks: z
    .strictObject({
      /** Tells of events that no meter took, once per event name and window (metering.md 1.6). */
      event_rejected_enabled: flag.default(false),
      event_rejected_window_seconds: positive.default(600),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      /** Writes metrics in CloudWatch's embedded format to stdout. */
      enabled: flag.default(false),
    })
    .prefault({}),
  tracing: z
    .strictObject({
      /** X-Ray segments of the management function. */
      enabled: flag.default(false),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['DEBUG', 'INFO', 'WARN', 'ERROR']).default('INFO'),
      /** Of so many requests whose events were accepted, one has a line. Those that were refused or failed always have theirs. */
      ingest_every: positive.default(100),
    })
    .prefault({}),
});

export type Config = z.output<typeof configSchema>;
