import { createApp } from '#app/create-app.ts';
import { migrateClickHouse } from '#platform/clickhouse/migrate.ts';
import type { Config } from '#platform/config/schema.ts';
import { createEventLog } from '#platform/event-log/create.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import { migratePostgres } from '#platform/postgres/migrate.ts';
import { baseUrl } from '../base-url.ts';
import { until } from '../engines/process.ts';
import { seedLocal } from '../seed.ts';
import { StartError } from '../start-error.ts';
import { startChild } from './child-process.ts';
import { type DataDir, openDataDir } from './data-dir.ts';
import { watchDisk } from './disk-watch.ts';
import { type Engine, embeddedEngines, PREFERRED_PORTS } from './engines.ts';
import { childEnvironment } from './environment.ts';
import { Keeper } from './keeper.ts';
import { type Output, seconds } from './output.ts';
import { checkDisk, DEFAULT_PORT, serverPort } from './preflight.ts';

/** A process of our own: its script by its path from the root of the checkout, and how long it may take to stop. */
export interface ChildSpec {
  readonly name: string;
  readonly script: string;
  readonly stopMilliseconds: number;
}

/** Our own processes. They stop in this order: first nobody is let in, then what is under way is finished. All of a stop, with the engines, takes at most 10 s. */
export const CHILDREN: readonly ChildSpec[] = [
  { name: 'api', script: 'local/api.ts', stopMilliseconds: 2_000 },
  { name: 'consumer', script: 'workers/consumer/main.ts', stopMilliseconds: 2_500 },
  { name: 'relay', script: 'workers/relay/main.ts', stopMilliseconds: 2_500 },
  { name: 'worker', script: 'workers/worker/main.ts', stopMilliseconds: 2_500 },
];
const READY_MS = 60_000;

export interface SupervisorOptions {
  readonly config: Config;
  /** Runs real Kafka and Temporal servers where the configuration names none. */
  readonly real: boolean;
  readonly output: Output;
  /** The processes of the product, in the order in which they stop. Default: CHILDREN. */
  readonly children?: readonly ChildSpec[];
  /** Preferred ports of the engines. Default: PREFERRED_PORTS. */
  readonly ports?: Readonly<Record<keyof typeof PREFERRED_PORTS, number>>;
}

/** Local Mode: the engines that the configuration does not name, and the processes of the product, kept running until they are stopped. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  #dataDir: DataDir | undefined;
  #engines: Engine[] = [];
  #children: { keeper: Keeper; stopMilliseconds: number }[] = [];
  #diskWatch: { stop(): void } | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the effective configuration when the API is ready.
   * Throws StartError for what the user can mend, and whatever an engine says when it does not start.
   */
  async start(): Promise<Config> {
    const { output } = this.#options;
    const dataDir = await openDataDir(this.#options.config.local.data_dir);
    this.#dataDir = dataDir;
    await checkDisk(dataDir.path);
    this.#diskWatch = watchDisk(dataDir.path, output);
    const port = await serverPort(this.#options.config.server);
    if (this.#options.config.server.port === undefined && port !== DEFAULT_PORT)
      output.warn(`Port ${DEFAULT_PORT} is taken: the API gets ${port}`);
    let config = this.#effective(dataDir.path, port);

    const startedAt = performance.now();
    this.#engines = await embeddedEngines(config, this.#options.real, { dataDir, output, ports: this.#options.ports ?? PREFERRED_PORTS });
    const addresses = await Promise.all(this.#engines.map((engine) => engine.start(config)));
    for (const addressed of addresses) config = addressed(config);
    this.#goOn();
    output.step(`${this.#engines.map(({ keeper }) => keeper.name).join(', ') || 'No embedded engine'} ready (${seconds(startedAt)})`);

    const applied = (await Promise.all([migratePostgres(config), migrateClickHouse(config)])).flat();
    await ensureTopics(config);
    await seed(config);
    this.#goOn();
    output.step(applied.length > 0 ? `${applied.length} migrations applied` : 'Data as it was left');

    await this.#startChildren(config, dataDir);
    await this.#untilReady(config);
    dataDir.announce(baseUrl(config.server));
    return config;
  }

  /** Stops everything in order: what calls before what is called. Resolves when no process is left. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopInOrder();
    return this.#stopped;
  }

  /** Ends everything at once. Nothing acknowledged is lost; the next start recovers. */
  kill(): void {
    for (const { keeper } of [...this.#children, ...this.#engines]) keeper.kill();
    this.#dataDir?.release();
  }

  #effective(dataDir: string, port: number): Config {
    const { config } = this.#options;
    return {
      ...config,
      deployment: { ...config.deployment, mode: 'local' },
      server: { ...config.server, port },
      local: { ...config.local, data_dir: dataDir },
    };
  }

  async #startChildren(config: Config, dataDir: DataDir): Promise<void> {
    const env = childEnvironment(config);
    this.#children = (this.#options.children ?? CHILDREN).map(({ name, script, stopMilliseconds }) => ({
      stopMilliseconds,
      keeper: new Keeper({
        name,
        output: this.#options.output,
        start: (signal) => startChild({ name, script, env, logFile: dataDir.logFile(name), signal }),
        onStart: ({ pid }) => dataDir.remember(name, pid),
      }),
    }));
    await Promise.all(this.#children.map(({ keeper }) => keeper.start()));
    this.#goOn();
  }

  async #untilReady({ server }: Config): Promise<void> {
    let last = '';
    const ready = await until(
      async () => {
        this.#goOn();
        const answer = await fetch(`${baseUrl(server)}/health/ready`).catch((error: unknown) => error as Error);
        if (answer instanceof Error) last = answer.message;
        else last = await answer.text();
        return !(answer instanceof Error) && answer.ok;
      },
      READY_MS,
      50,
    );
    if (!ready) throw new Error(`The API did not become ready: ${last}`);
  }

  /** A stop during the start ends the start at its next step. */
  #goOn(): void {
    if (this.#stopped) throw new StartError('Stopped before it was ready');
  }

  async #stopInOrder(): Promise<void> {
    this.#diskWatch?.stop();
    for (const { keeper } of [...this.#children, ...this.#engines]) keeper.expectEnd();
    const [api, ...rest] = this.#children;
    await api?.keeper.stop(api.stopMilliseconds);
    await Promise.all(rest.map(({ keeper, stopMilliseconds }) => keeper.stop(stopMilliseconds)));
    const [postgres, ...others] = this.#engines;
    await Promise.all(others.map(({ keeper, stopMilliseconds }) => keeper.stop(stopMilliseconds)));
    await postgres?.keeper.stop(postgres.stopMilliseconds);
    this.#dataDir?.release();
  }
}

async function seed(config: Config): Promise<void> {
  const app = createApp(config);
  try {
    await seedLocal(app);
  } finally {
    await app.close();
  }
}

async function ensureTopics(config: Config): Promise<void> {
  const log = await createEventLog(config);
  try {
    await log.ensureTopics(topicSpecs(config));
  } finally {
    await log.close();
  }
}
