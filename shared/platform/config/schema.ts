import * as z from 'zod';

// Each leaf says what it takes, in words that follow "must be"; `echo` marks those whose wrong value is repeated, because no secret stands there.
const whole = (least: number, most?: number) =>
  z
    .preprocess(
      (value) => (typeof value === 'string' && /^\s*-?\d+\s*$/.test(value) ? Number(value) : value),
      z
        .int()
        .min(least)
        .max(most ?? Number.MAX_SAFE_INTEGER),
    )
    .meta({ echo: true, expects: most === undefined ? `a whole number from ${least} on` : `a whole number from ${least} to ${most}` });
const port = whole(0, 65_535);
const flag = z
  .preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean())
  .meta({ echo: true, expects: 'true or false' });
const positive = whole(1);
const oneOf = <const Words extends readonly [string, ...string[]]>(...words: Words) =>
  z.enum(words).meta({ echo: true, expects: `one of ${words.join(', ')}` });
const text = z.string().meta({ expects: 'text' });
const filled = z.string().min(1).meta({ expects: 'text that is not empty' });
const LIST = 'a list of texts (in a variable: with commas between)';
const list = z
  .preprocess(
    (value) =>
      typeof value === 'string'
        ? value
            .split(',')
            .map((part) => part.trim())
            .filter(Boolean)
        : value,
    z.array(z.string()),
  )
  .meta({ expects: LIST });
const url = z.url({ protocol: /^https?$/ }).meta({ expects: 'an address that begins with http:// or https://' });
/** A value that `npm run config` masks. */
const secret = z.string().min(1).meta({ secret: true, expects: 'text that is not empty' });

/**
 * The whole configuration. A leaf's environment variable is `FLEXPRICE_` and its path in upper case
 * (`postgres.host` is `FLEXPRICE_POSTGRES_HOST`). An engine whose address is absent is the embedded one.
 */
export const configSchema = z.strictObject({
  deployment: z
    .strictObject({
      mode: oneOf('api', 'consumer', 'relay', 'worker', 'local').default('local'),
      environment: text.default('local'),
      /** A process that runs touches this file every few seconds, for the health check of its container. Absent: it touches none. */
      health_file: filled.optional(),
    })
    .prefault({}),
  server: z
    .strictObject({
      host: text.default('127.0.0.1'),
      /** Absent: 8080, or the next free port when it is taken. Set: exactly this one, or a clear failure. */
      port: port.optional(),
      /** Checks every answer against its declared schema: for tests and Local Mode, off in production. */
      validate_responses: flag.default(false),
      /** Memory for the bodies of all requests under way, in Local Mode and the `api` mode. Who finds none left is told to try again. */
      body_memory_mib: positive.default(256),
      /** Values of `x-origin-verify` that CloudFront adds. Set: a request without one of them is refused. */
      origin_verify: list.meta({ secret: true, expects: LIST }).optional(),
    })
    .prefault({}),
  local: z
    .strictObject({
      data_dir: filled.default('.flexprice'),
      api_key: secret.default('sk_local_flexprice_test_key'),
      demo: flag.default(true),
    })
    .prefault({}),
  postgres: z
    .strictObject({
      host: filled.optional(),
      port: port.default(5432),
      database: filled.default('flexprice'),
      user: filled.default('flexprice_app'),
      password: secret.optional(),
      /** Owner of the tables: used by migrations only. */
      migrator_user: filled.default('flexprice_migrator'),
      migrator_password: secret.optional(),
      /** `iam`: RDS's tokens, signed with the role of the process; implies TLS and needs `region`. */
      auth: oneOf('password', 'iam').default('password'),
      region: filled.optional(),
      ssl: flag.default(false),
      /** Whose certificates are trusted. `rds`: those of Amazon RDS and its proxies, which Node does not bring along. */
      ssl_ca: oneOf('system', 'rds').default('system'),
      pool_max: positive.default(10),
      /** What somebody waits for ends before the gateway's 29 s do. */
      statement_timeout_ms: positive.default(20_000),
      /** The same for consumers, relays and workers, which nobody waits for. */
      job_statement_timeout_ms: positive.default(60_000),
      /** How long a request waits for a row that somebody else holds, and with it one of the pool's connections. */
      lock_timeout_ms: positive.default(3_000),
      job_lock_timeout_ms: positive.default(30_000),
    })
    .prefault({}),
  clickhouse: z
    .strictObject({
      url: url.optional(),
      database: z
        .string()
        .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/)
        .meta({ expects: 'a name of letters, digits and _, without a digit in front' })
        .default('flexprice'),
      user: text.default('default'),
      password: secret.optional(),
      /** What somebody waits for ends before the gateway's 29 s do. */
      request_timeout_ms: positive.default(20_000),
      /** The same for consumers, relays and workers, which nobody waits for. */
      job_timeout_ms: positive.default(120_000),
      /** Table engines of the migrations. `plain` fits one server and ClickHouse Cloud, `replicated` a cluster with Keeper. */
      engine: oneOf('plain', 'replicated', 'shared').default('plain'),
    })
    .prefault({}),
  kafka: z
    .strictObject({
      brokers: list.optional(),
      client_id: filled.default('flexprice'),
      auth: oneOf('none', 'iam').default('none'),
      region: text.optional(),
      ssl: flag.default(false),
      replication_factor: positive.default(1),
    })
    .prefault({}),
  temporal: z
    .strictObject({
      address: filled.optional(),
      namespace: filled.default('default'),
      task_queue: filled.default('flexprice'),
      api_key: secret.optional(),
      tls: flag.default(false),
    })
    .prefault({}),
  overflow: z
    .strictObject({
      /** SQS queue of ingest batches that the log did not take. Absent: a table in Postgres. */
      queue_url: url.optional(),
      /** Its dead-letter queue, which gets at once what the relay cannot read. Absent: that waits for the queue's own redrive. */
      dead_letter_queue_url: url.optional(),
    })
    .prefault({}),
  auth: z
    .strictObject({
      header: filled.default('x-api-key'),
      /** Full rights, bound to no environment. Absent: there is no such key. */
      root_key: secret.optional(),
      /** The tenant that the root key acts for. */
      root_tenant_id: filled.optional(),
      /** What a key gives is asked anew behind this time, beside the requests; changes are followed within five seconds all the same. 0: with each request. */
      cache_seconds: whole(0).default(60),
      /** How long keys that are known go on working while Postgres is away. */
      outage_seconds: whole(0).default(3_600),
    })
    .prefault({}),
  portal: z
    .strictObject({
      /** Address of the customer portal; `{token}` in it stands for the token of a session, best after a `#`, which no server's log sees. */
      url: url.optional(),
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
      page_size: whole(1, 1000).default(100),
      /** Late events still count for so long after a period's first computation; then its invoice is final. */
      finalization_delay_seconds: whole(0).default(7200),
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
      level: oneOf('DEBUG', 'INFO', 'WARN', 'ERROR').default('INFO'),
      /** Of so many requests whose events were accepted, one has a line. Those that were refused or failed always have theirs. */
      ingest_every: positive.default(100),
    })
    .prefault({}),
});

export type Config = z.output<typeof configSchema>;
