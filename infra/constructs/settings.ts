import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { EnvironmentConfig } from '../config/schema.ts';
import type { DataStack } from '../stacks/data.ts';
import type { TemporalEndpoint } from './temporal-endpoint.ts';

export type ServiceName = 'consumer' | 'relay' | 'worker';
export type ProcessName = 'ingest' | 'management' | 'migrate' | ServiceName;

/** One key of a JSON secret. */
export interface SecretKey {
  readonly secret: ISecret;
  readonly key: string;
}

/** The configuration of a process (shared/platform/config): plain values, and those that are in Secrets Manager. */
export interface Settings {
  readonly values: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, SecretKey>>;
}

export interface SettingsProps {
  readonly config: EnvironmentConfig;
  readonly data: DataStack;
  readonly brokers: string;
  readonly temporal: TemporalEndpoint;
  readonly secrets: {
    readonly clickhouseWriter: ISecret;
    readonly clickhouseReader: ISecret;
    readonly temporal?: ISecret;
    readonly rootKey: ISecret;
    readonly originVerify?: ISecret;
  };
}

/**
 * The variables of functions and tasks alike: a secret is a reference, which the process resolves when it starts (`loadRuntimeConfig`), so no
 * value of one is in a template. ECS's own way would need the complete ARN, whose ending nobody knows of a secret that is known by its name.
 */
export function variablesOf({ values, secrets }: Settings): Record<string, string> {
  const references = Object.entries(secrets).map(([variable, { secret, key }]) => [
    variable,
    `secretsmanager:${secret.secretFullArn ?? secret.secretName}#${key}`,
  ]);
  return { ...values, ...Object.fromEntries(references) };
}

/** The tenant that the root key acts for. */
export const ROOT_TENANT = 'tenant_root';

/** What each process is told, and no process more than it needs. */
export function settingsOf(process: ProcessName, props: SettingsProps): Settings {
  const parts = [common(props), postgres(process, props), clickhouse(process, props)];
  if (process !== 'migrate') parts.push(kafka(props));
  if (process === 'relay' || process === 'worker') parts.push(temporal(props));
  if (isFunction(process)) parts.push(origin(props));
  if (isFunction(process) || process === 'relay' || process === 'worker')
    parts.push({ values: { FLEXPRICE_OVERFLOW_QUEUE_URL: props.data.overflow.queueUrl }, secrets: {} });
  if (process === 'relay')
    parts.push({ values: { FLEXPRICE_OVERFLOW_DEAD_LETTER_QUEUE_URL: props.data.overflowDeadLetters.queueUrl }, secrets: {} });
  if (process === 'management' || process === 'migrate')
    parts.push({ values: { FLEXPRICE_AUTH_ROOT_TENANT_ID: ROOT_TENANT }, secrets: {} });
  if (process === 'management')
    parts.push({
      values: {
        FLEXPRICE_TRACING_ENABLED: 'true',
        ...(props.config.portalUrl === undefined ? {} : { FLEXPRICE_PORTAL_URL: props.config.portalUrl }),
      },
      secrets: { FLEXPRICE_AUTH_ROOT_KEY: { secret: props.secrets.rootKey, key: 'key' } },
    });
  const mode = isFunction(process) || process === 'migrate' ? 'api' : process;
  return {
    values: Object.assign({ FLEXPRICE_DEPLOYMENT_MODE: mode }, ...parts.map(({ values }) => values)),
    secrets: Object.assign({}, ...parts.map(({ secrets }) => secrets)),
  };
}

/** Answers requests behind the API. */
function isFunction(process: ProcessName): process is 'ingest' | 'management' {
  return process === 'ingest' || process === 'management';
}

function common({ config }: SettingsProps): Settings {
  return { values: { FLEXPRICE_DEPLOYMENT_ENVIRONMENT: config.name, FLEXPRICE_METRICS_ENABLED: 'true' }, secrets: {} };
}

function postgres(process: ProcessName, { config, data }: SettingsProps): Settings {
  const { postgres: store } = data;
  const inFunction = isFunction(process);
  // A sandbox answers one request at a time; management has a second connection for what runs beside it.
  const pool: Readonly<Partial<Record<ProcessName, string>>> = { ingest: '1', management: '2', consumer: '5', relay: '5' };
  return {
    values: {
      FLEXPRICE_POSTGRES_HOST: inFunction ? store.functionsHost : store.host,
      FLEXPRICE_POSTGRES_PORT: store.port,
      FLEXPRICE_POSTGRES_DATABASE: store.database,
      FLEXPRICE_POSTGRES_SSL: 'true',
      FLEXPRICE_POSTGRES_SSL_CA: 'rds',
      // The application has no password: its processes sign tokens with their roles. Migrations log in with that of the cluster's secret.
      FLEXPRICE_POSTGRES_AUTH: 'iam',
      FLEXPRICE_POSTGRES_REGION: config.region,
      ...(pool[process] === undefined ? {} : { FLEXPRICE_POSTGRES_POOL_MAX: pool[process] }),
      // API Gateway gives up after 29 s: whoever waits for a statement must hear of it well before.
      ...(inFunction ? { FLEXPRICE_POSTGRES_STATEMENT_TIMEOUT_MS: '10000' } : {}),
    },
    secrets: process === 'migrate' ? { FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD: { secret: store.migratorSecret, key: 'password' } } : {},
  };
}

function clickhouse(process: ProcessName, { config, secrets }: SettingsProps): Settings {
  const { host, port, reader, writer } = config.clickhouse;
  const url = { FLEXPRICE_CLICKHOUSE_URL: `https://${host}:${port}` };
  // Nothing on the way of an event into the log asks ClickHouse.
  if (process === 'ingest') return { values: url, secrets: {} };
  return process === 'management'
    ? {
        values: { ...url, FLEXPRICE_CLICKHOUSE_USER: reader.user },
        secrets: { FLEXPRICE_CLICKHOUSE_PASSWORD: { secret: secrets.clickhouseReader, key: 'password' } },
      }
    : {
        values: { ...url, FLEXPRICE_CLICKHOUSE_USER: writer.user },
        secrets: { FLEXPRICE_CLICKHOUSE_PASSWORD: { secret: secrets.clickhouseWriter, key: 'password' } },
      };
}

function kafka({ config, data, brokers }: SettingsProps): Settings {
  return {
    values: {
      FLEXPRICE_KAFKA_BROKERS: brokers,
      FLEXPRICE_KAFKA_AUTH: 'iam',
      FLEXPRICE_KAFKA_SSL: 'true',
      FLEXPRICE_KAFKA_REGION: config.region,
      FLEXPRICE_KAFKA_REPLICATION_FACTOR: String(data.bus.replicationFactor),
    },
    secrets: {},
  };
}

function temporal({ temporal: { address, namespace, tls }, secrets }: SettingsProps): Settings {
  return {
    values: { FLEXPRICE_TEMPORAL_ADDRESS: address, FLEXPRICE_TEMPORAL_NAMESPACE: namespace, FLEXPRICE_TEMPORAL_TLS: String(tls) },
    secrets: secrets.temporal === undefined ? {} : { FLEXPRICE_TEMPORAL_API_KEY: { secret: secrets.temporal, key: 'apiKey' } },
  };
}

function origin({ secrets: { originVerify: secret } }: SettingsProps): Settings {
  return { values: {}, secrets: secret === undefined ? {} : { FLEXPRICE_SERVER_ORIGIN_VERIFY: { secret, key: 'accepted' } } };
}
