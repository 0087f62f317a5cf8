import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { freePort } from '../ports.ts';
import { forgetProcess, rememberProcess, stopOrphan } from './orphan.ts';
import { ENGINES, kafkaIsInstalled } from './paths.ts';
import { exitOf, until } from './process.ts';

export interface KafkaOptions {
  /** Holds the log (`log/`) and its settings; may be used again after any kind of end. */
  readonly dataDir: string;
  /** Absent or 0: any free port. */
  readonly port?: number;
  readonly controllerPort?: number;
  /** What the broker prints is appended here. Absent: it is dropped. */
  readonly logFile?: string;
}

export interface RunningKafka {
  /** `host:port`, for `kafka.brokers`. */
  readonly brokers: readonly string[];
  readonly port: number;
  readonly controllerPort: number;
  readonly pid: number;
  stop(): Promise<void>;
  /** Settles with the exit code, however the process ended. */
  readonly exited: Promise<number>;
}

const HOST = '127.0.0.1';
/** One node is its own quorum, so its cluster may have a fixed id; it is written into the data directory once. */
const CLUSTER_ID = 'ZmxleHByaWNlLWxvY2FsLQ';
const START_MS = 90_000;
const STOP_MS = 20_000;

/**
 * Starts one real Kafka (KRaft, broker and controller in one process) from `.engines/` and resolves when it answers.
 * Throws when it is not installed (`npm run engines`).
 */
export async function startKafka({ dataDir, port, controllerPort, logFile }: KafkaOptions): Promise<RunningKafka> {
  if (!kafkaIsInstalled()) throw new Error('Kafka is not installed below .engines: run `npm run engines` first');
  mkdirSync(dataDir, { recursive: true });
  const folder = realpathSync(dataDir);
  const pidFile = join(folder, 'kafka.pid');
  const settingsFile = join(folder, 'kraft.properties');
  await stopOrphan(pidFile, settingsFile);

  const chosen = { port: port || (await freePort()), controllerPort: controllerPort || (await freePort()) };
  writeFileSync(settingsFile, settings(chosen.port, chosen.controllerPort, join(folder, 'log')));
  const classpath = join(ENGINES.kafkaLib, '*');
  const format = spawnSync('java', ['-cp', classpath, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', settingsFile, '--ignore-formatted'], { encoding: 'utf8' });
  if (format.error) throw new Error('Kafka needs Java 17 or newer on the PATH', { cause: format.error });
  if (format.status !== 0) throw new Error(`Kafka could not format ${folder}: ${format.stderr.trim() || format.stdout.trim()}`);

  const log = openSync(logFile ?? '/dev/null', 'a');
  // Detached: Ctrl-C reaches the whole process group, and Kafka has to outlive the processes that use it.
  const child = spawn('java', ['-Xmx512m', '-cp', classpath, 'kafka.Kafka', settingsFile], { cwd: folder, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const exited = exitOf(child);
  rememberProcess(pidFile, child.pid as number);
  const brokers = [`${HOST}:${chosen.port}`];
  try {
    await ready(brokers, exited);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }

  return {
    ...chosen,
    brokers,
    pid: child.pid as number,
    exited,
    async stop() {
      child.kill('SIGTERM');
      const forced = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(forced);
      forgetProcess(pidFile);
    },
  };
}

async function ready(brokers: readonly string[], exited: Promise<number>): Promise<void> {
  let code: number | undefined;
  void exited.then((value) => { code = value; });
  const kafka = new Kafka({ clientId: 'start', brokers: [...brokers], logLevel: logLevel.NOTHING, connectionTimeout: 1000, retry: { retries: 0 } });
  const answers = async (): Promise<boolean> => {
    if (code !== undefined) throw new Error(`Kafka ended with code ${code} before it was ready`);
    const admin = kafka.admin();
    try {
      await admin.connect();
      // It listens before it has registered itself; only a broker that lists itself can hold topics.
      return (await admin.describeCluster()).brokers.length === 1;
    } catch {
      return false;
    } finally {
      await admin.disconnect().catch(() => {});
    }
  };
  if (!(await until(answers, START_MS, 100))) throw new Error(`Kafka did not answer within ${START_MS / 1000} s`);
}

function settings(port: number, controllerPort: number, logDir: string): string {
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${HOST}:${controllerPort}`,
    listeners: `PLAINTEXT://${HOST}:${port},CONTROLLER://${HOST}:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${HOST}:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': logDir,
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '8',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    // Short sessions are for tests; consumers ask for 45 s by themselves.
    'group.min.session.timeout.ms': '1000',
    'auto.create.topics.enable': 'false',
  }).map(([name, value]) => `${name}=${value}\n`).join('');
}
