import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Config } from '#platform/config/schema.ts';
import { bootstrapDatabase } from '../engines/bootstrap-database.ts';
import { type RunningClickHouse, startClickHouse } from '../engines/clickhouse/clickhouse.ts';
import { ENGINES, isInstalled } from '../engines/paths.ts';
import { type RunningPostgres, startPostgres } from '../engines/postgres.ts';
import { superuserConnection } from '../engines/postgres-server.ts';
import { loadCredentials } from '../engines/postgres-credentials.ts';
import { freePort, isFree, portFrom } from '../ports.ts';
import { StartError } from '../start-error.ts';
import type { DataDir } from './data-dir.ts';
import { Keeper, type Running } from './keeper.ts';
import type { Output } from './output.ts';

/** An engine of ours: how it is kept, and what the configuration says once it runs. */
export interface Engine {
  readonly keeper: Keeper;
  /** Starts it, makes it usable, and adds its address to the configuration. */
  start(config: Config): Promise<(config: Config) => Config>;
  readonly stopMilliseconds: number;
}

/** Where engines listen when nobody else does: the ports that a person looks for. */
export const PREFERRED_PORTS = { postgres: 15_432, clickhouse: 18_123 } as const;

interface Surroundings {
  readonly dataDir: DataDir;
  readonly output: Output;
  readonly ports: Readonly<Record<keyof typeof PREFERRED_PORTS, number>>;
}

/** The engines that the configuration leaves to us, in the order in which they stop last to first: Postgres goes down last. */
export async function embeddedEngines(config: Config, real: boolean, surroundings: Surroundings): Promise<Engine[]> {
  if (real) installRealEngines(config);
  return [
    ...(config.postgres.host === undefined ? [postgres(surroundings)] : []),
    ...(config.clickhouse.url === undefined ? [clickhouse(surroundings)] : []),
    ...(real && !config.kafka.brokers?.length ? [await kafka(surroundings)] : []),
    ...(real && config.temporal.address === undefined ? [await temporal(surroundings)] : []),
  ];
}

function postgres({ dataDir, output, ports }: Surroundings): Engine {
  const onPort = samePort(ports.postgres);
  const folder = dataDir.folder('postgres');
  const keeper = new Keeper<RunningPostgres>({
    name: 'Postgres',
    output,
    start: () => onPort((port) => startPostgres({ dataDir: folder, port, logFile: dataDir.logFile('postgres') })),
  });
  return {
    keeper,
    stopMilliseconds: 2_500,
    async start(config) {
      const server = await keeper.start();
      const { migrator, app } = loadCredentials(folder);
      const addressed = (given: Config): Config => ({
        ...given,
        postgres: {
          ...given.postgres,
          host: server.host,
          port: server.port,
          password: given.postgres.password ?? app,
          migrator_password: given.postgres.migrator_password ?? migrator,
          ssl: false,
        },
      });
      await bootstrapDatabase(superuserConnection(server), addressed(config));
      return addressed;
    },
  };
}

function clickhouse({ dataDir, output, ports }: Surroundings): Engine {
  const onPort = samePort(ports.clickhouse);
  const keeper = new Keeper<RunningClickHouse>({
    name: 'ClickHouse',
    output,
    start: () => onPort((port) => startClickHouse({ dataDir: dataDir.folder('clickhouse'), port, logFile: dataDir.logFile('clickhouse') })),
    onStart: ({ pid }) => dataDir.remember('clickhouse', pid),
  });
  return {
    keeper,
    stopMilliseconds: 2_000,
    async start() {
      const { url, probe } = await keeper.start();
      await probe();
      return (config) => ({ ...config, clickhouse: { ...config.clickhouse, url, engine: 'plain' } });
    },
  };
}

async function kafka({ dataDir, output }: Surroundings): Promise<Engine> {
  const { startKafka } = await import('../engines/kafka.ts');
  const [port, controllerPort] = [await portFrom(9092), await freePort()];
  const keeper = new Keeper({
    name: 'Kafka',
    output,
    start: async () => {
      const running = await startKafka({ dataDir: dataDir.folder('kafka'), port, controllerPort, logFile: dataDir.logFile('kafka') });
      return killable(running);
    },
  });
  return {
    keeper,
    stopMilliseconds: 3_000,
    async start() {
      const { brokers } = await keeper.start();
      return (config) => ({ ...config, kafka: { ...config.kafka, brokers: [...brokers], auth: 'none', ssl: false } });
    },
  };
}

async function temporal({ dataDir, output }: Surroundings): Promise<Engine> {
  const { startTemporal } = await import('../engines/temporal.ts');
  const [port, uiPort] = [await portFrom(7233), await portFrom(8088)];
  const keeper = new Keeper({
    name: 'Temporal',
    output,
    start: async () =>
      killable(await startTemporal({ dataDir: dataDir.folder('temporal'), port, uiPort, logFile: dataDir.logFile('temporal') })),
  });
  return {
    keeper,
    stopMilliseconds: 3_000,
    async start() {
      const { address, uiUrl } = await keeper.start();
      output.step(`Temporal's own pages: ${uiUrl}`);
      return (config) => ({ ...config, temporal: { ...config.temporal, address } });
    },
  };
}

/**
 * Starts something on the preferred port or a free one, and from then on on the same: after a crash an engine has to come
 * back where its users look for it. A port that another process took in the meantime is no reason to fail the first time.
 */
function samePort(preferred: number): <R>(start: (port: number) => Promise<R>) => Promise<R> {
  let chosen: number | undefined;
  return async (start) => {
    const port = chosen ?? (await portFrom(preferred));
    try {
      const running = await start(port);
      chosen = port;
      return running;
    } catch (error) {
      if (chosen !== undefined || (await isFree(port))) throw error;
      chosen = await freePort();
      return start(chosen);
    }
  };
}

function killable<R extends Omit<Running, 'kill'>>(running: R): R & Running {
  return {
    ...running,
    kill: () => {
      process.kill(running.pid, 'SIGKILL');
    },
  };
}

function installRealEngines(config: Config): void {
  const missing = [
    ...(config.kafka.brokers?.length ? [] : [ENGINES.kafka]),
    ...(config.temporal.address === undefined ? [ENGINES.temporal] : []),
  ].filter((engine) => !isInstalled(engine));
  if (missing.length === 0) return;
  const script = fileURLToPath(new URL('../../scripts/engines.ts', import.meta.url));
  const { status } = spawnSync(process.execPath, [script, ...missing.map(({ name }) => name)], { stdio: 'inherit' });
  if (status !== 0) throw new StartError('Kafka and Temporal could not be installed (see above). `npm start` runs without them.');
}
