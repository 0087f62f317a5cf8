import type { EnvironmentConfig } from '../config/schema.ts';

/** Whoever has a security group of its own. */
export const ROLES = [
  'ingest',
  'management',
  'migrate',
  'consumer',
  'relay',
  'worker',
  'kafka',
  'postgres',
  'proxy',
  'temporal',
  'endpoints',
] as const;
export type Role = (typeof ROLES)[number];

/** `from` may open connections to `to` on a TCP port. */
export interface Pair {
  readonly from: Role;
  readonly to: Role;
  readonly port: number;
}
/** `from` may open connections to addresses outside of the VPC. */
export interface WayOut {
  readonly from: Role;
  readonly port: number;
}

export const KAFKA_PORT = 9098;
export const POSTGRES_PORT = 5432;
export const TEMPORAL_PORT = 7233;
const HTTPS = 443;

/**
 * Every way between two of our own, and there is no other. Functions come to Postgres through the proxy where there is one; tasks, which
 * hold few connections for long and listen for notifications, and migrations go to the database itself.
 */
export function pairs({ postgres, temporal, interfaceEndpoints }: EnvironmentConfig): Pair[] {
  const functions: readonly Role[] = ['ingest', 'management'];
  const tasks: readonly Role[] = ['consumer', 'relay', 'worker'];
  const selfHosted = temporal.kind === 'self-hosted';
  const running: readonly Role[] = [...functions, ...tasks, 'migrate', ...(selfHosted ? (['temporal'] as const) : [])];
  return [
    ...[...functions, ...tasks].map((from): Pair => ({ from, to: 'kafka', port: KAFKA_PORT })),
    ...functions.map((from): Pair => ({ from, to: postgres.proxy ? 'proxy' : 'postgres', port: POSTGRES_PORT })),
    ...[...tasks, 'migrate' as const].map((from): Pair => ({ from, to: 'postgres', port: POSTGRES_PORT })),
    ...(postgres.proxy ? [{ from: 'proxy', to: 'postgres', port: POSTGRES_PORT } as const] : []),
    ...(selfHosted
      ? ([
          { from: 'relay', to: 'temporal', port: TEMPORAL_PORT },
          { from: 'worker', to: 'temporal', port: TEMPORAL_PORT },
          { from: 'temporal', to: 'postgres', port: POSTGRES_PORT },
        ] as const)
      : []),
    ...(interfaceEndpoints.length > 0 ? running.map((from): Pair => ({ from, to: 'endpoints', port: HTTPS })) : []),
  ];
}

/** The ways out of the VPC: AWS's own APIs, ClickHouse Cloud and Temporal Cloud. */
export function waysOut({ clickhouse, temporal }: EnvironmentConfig): WayOut[] {
  const runners: readonly Role[] = [
    'ingest',
    'management',
    'migrate',
    'consumer',
    'relay',
    'worker',
    ...(temporal.kind === 'self-hosted' ? (['temporal'] as const) : []),
  ];
  const queriers: readonly Role[] = ['management', 'migrate', 'consumer', 'relay', 'worker'];
  return [
    ...runners.map((from): WayOut => ({ from, port: HTTPS })),
    ...(clickhouse.port === HTTPS ? [] : queriers.map((from): WayOut => ({ from, port: clickhouse.port }))),
    ...(temporal.kind === 'cloud'
      ? (['relay', 'worker'] as const).map((from) => ({ from, port: Number(temporal.address.split(':')[1]) }))
      : []),
  ];
}

/** The roles that an environment has, in a stable order. */
export function rolesOf(config: EnvironmentConfig): Role[] {
  const named = new Set([...pairs(config).flatMap(({ from, to }) => [from, to]), ...waysOut(config).map(({ from }) => from)]);
  return ROLES.filter((role) => named.has(role));
}
