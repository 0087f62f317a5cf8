import { randomInt } from 'node:crypto';
import { appendFileSync, chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alive, commandLine, until } from '#local/engines/process.ts';
import { portFrom } from '#local/ports.ts';
import { startChild } from '#local/supervisor/child-process.ts';
import { childEnvironment } from '#local/supervisor/environment.ts';
import type { Running } from '#local/supervisor/keeper.ts';
import type { Output } from '#local/supervisor/output.ts';
import { CHILDREN, Supervisor } from '#local/supervisor/supervisor.ts';
import { loadConfig } from '#platform/config/load.ts';
import type { Config } from '#platform/config/schema.ts';
import { processesOf } from '../support/local-mode.ts';
import type { TestKafka } from '../support/real-engines.ts';

const API_KEY = 'sk_local_crash_test_key';
/** A member that was killed is missed after this time, so that a seed does not take a minute. */
const SILENCE_MS = 3_000;
const BACK_MS = 30_000;
const END_MS = 3_000;

export interface HostOptions {
  /** Absent: the event log is the one in the embedded Postgres. */
  readonly kafka?: TestKafka | undefined;
  /** Scripts that run instead of those of Local Mode, by the name of the process. */
  readonly scripts?: Readonly<Record<string, string>>;
}

/** A Local Mode with data of its own, whose processes can be killed. Its supervisor runs in this process and starts them again. */
export interface Host {
  readonly url: string;
  readonly apiKey: string;
  readonly config: Config;
  readonly dataDir: string;
  /** Names of all that can be killed, sorted. */
  processes(): string[];
  /** `kill -9` of a process of that name, once one is running; false when none was for a long time. */
  kill(name: string): Promise<boolean>;
  /** Starts one more consumer, which nothing starts again. */
  addConsumer(): Promise<void>;
  /** Ends the youngest of them, if there is one. */
  removeConsumer(how: 'stop' | 'kill'): Promise<boolean>;
  /** Resolves when all processes run and the API says that it is ready. */
  backAgain(): Promise<void>;
  /** Writes into the log of the run. */
  log(line: string): void;
  /** Ends all processes and deletes the data. The logs are kept in the folder that is answered when `keep` says so. */
  stop(keep: boolean): Promise<string | undefined>;
}

export async function startHost({ kafka, scripts = {} }: HostOptions = {}): Promise<Host> {
  const folder = mkdtempSync(join(tmpdir(), 'flexprice-crash-'));
  chmodSync(folder, 0o711); // the account that Postgres runs as has to get through
  const dataDir = join(folder, 'data');
  const logs = join(dataDir, 'logs');
  mkdirSync(join(folder, 'run'));
  const runLog = join(folder, 'run', 'run.log');
  const began = performance.now();
  const log = (line: string): void => appendFileSync(runLog, `${((performance.now() - began) / 1000).toFixed(3)} ${line}\n`);
  const output: Output = { step: (text) => log(`supervisor: ${text}`), warn: (text) => log(`supervisor: ${text}`), plain: () => undefined };

  const extra: Running[] = [];
  const running = (): Map<string, number> => new Map([...processesOf(dataDir)].filter(([, pid]) => pid > 0 && alive(pid)));

  // A run that is broken off must leave no engine behind: Postgres does not end with its parent.
  const abandon = (): void => {
    const pids = [...running().values(), ...extra.map((consumer) => consumer.pid)];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    waitForEndOf(pids);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', abandon);

  const children = CHILDREN.map((child) => ({ ...child, script: scripts[child.name] ?? child.script }));
  const [port, postgres, clickhouse] = await ownPorts();
  const supervisor = new Supervisor({
    config: configOf(dataDir, port, kafka),
    real: false,
    output,
    children,
    ports: { postgres, clickhouse },
  });
  const config = await supervisor.start().catch(async (error: unknown) => {
    await supervisor.stop();
    rmSync(folder, { recursive: true, force: true });
    process.removeListener('exit', abandon);
    throw error;
  });
  const consumerScript = children.find(({ name }) => name === 'consumer')?.script ?? '';
  const env = childEnvironment(config);
  const stopping = new AbortController();
  let consumers = 1;
  let restarting: Promise<void> = Promise.resolve();

  return {
    url: `http://127.0.0.1:${port}`,
    apiKey: API_KEY,
    config,
    dataDir,
    log,
    processes: () => [...processesOf(dataDir).keys(), ...(kafka ? ['kafka'] : [])].sort(),

    async kill(name) {
      if (name === 'kafka' && kafka) {
        await restarting;
        await kafka.kill();
        log('killed kafka');
        restarting = kafka.restart().then(() => log('kafka is back'));
        // Who waits for it hears of it; until then it must not end this process.
        restarting.catch(() => undefined);
        return true;
      }
      await until(() => running().has(name), BACK_MS);
      const pid = running().get(name);
      if (pid === undefined) return false;
      process.kill(pid, 'SIGKILL');
      log(`killed ${name} (${pid})`);
      await until(() => !alive(pid), BACK_MS);
      return true;
    },

    async addConsumer() {
      consumers += 1;
      const name = `consumer-${consumers}`;
      extra.push(await startChild({ name, script: consumerScript, env, logFile: join(logs, `${name}.log`), signal: stopping.signal }));
      log(`${name} has joined`);
    },

    async removeConsumer(how) {
      const leaving = extra.pop();
      if (leaving === undefined) return false;
      if (how === 'kill') leaving.kill();
      else await leaving.stop();
      await leaving.exited;
      log(`a consumer has left (${how})`);
      return true;
    },

    async backAgain() {
      await restarting;
      const back = await until(async () => {
        if (running().size < processesOf(dataDir).size) return false;
        return fetch(`http://127.0.0.1:${port}/health/ready`).then(
          ({ ok }) => ok,
          () => false,
        );
      }, BACK_MS);
      if (!back) throw new Error(`not all processes came back: there are only ${[...running().keys()].join(', ')}`);
    },

    async stop(keep) {
      stopping.abort();
      await Promise.all(
        extra.splice(0).map(async (consumer) => {
          consumer.kill();
          await consumer.exited;
        }),
      );
      await restarting.catch(() => undefined);
      const pids = [...running().values()];
      await supervisor.stop();
      for (const pid of pids) if (alive(pid)) process.kill(pid, 'SIGKILL');
      const kept = keep ? mkdtempSync(join(tmpdir(), 'flexprice-crash-failed-')) : undefined;
      if (kept !== undefined) for (const from of [logs, join(folder, 'run')]) cpSync(from, kept, { recursive: true });
      rmSync(folder, { recursive: true, force: true });
      process.removeListener('exit', abandon);
      return kept;
    },
  };
}

/**
 * Ports that stay this host's own while a killed process is away: neither those that another Local Mode prefers, nor those
 * that the system deals out to connections.
 */
async function ownPorts(): Promise<[number, number, number]> {
  const from = randomInt(20_000, 29_000);
  return [await portFrom(from), await portFrom(from + 100), await portFrom(from + 200)];
}

/** Without the event loop, for a process that is about to end. One that is dead and not yet asked for its code has no command line. */
function waitForEndOf(pids: readonly number[]): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; waited < END_MS && pids.some((pid) => commandLine(pid)); waited += 20) Atomics.wait(pause, 0, 0, 20);
}

function configOf(dataDir: string, port: number, kafka: TestKafka | undefined): Config {
  return loadConfig({
    file: 'no-such-file.yaml',
    env: {
      FLEXPRICE_LOCAL_DATA_DIR: dataDir,
      FLEXPRICE_LOCAL_API_KEY: API_KEY,
      FLEXPRICE_LOCAL_DEMO: 'false',
      FLEXPRICE_SERVER_PORT: String(port),
      // Small batches make many moments between an insert and its commit.
      FLEXPRICE_CONSUMER_MIN_BYTES: '4096',
      FLEXPRICE_CONSUMER_MAX_WAIT_MS: '60',
      FLEXPRICE_CONSUMER_SESSION_TIMEOUT_MS: String(SILENCE_MS),
      ...(kafka ? { FLEXPRICE_KAFKA_BROKERS: kafka.brokers.join(',') } : {}),
    },
  });
}
