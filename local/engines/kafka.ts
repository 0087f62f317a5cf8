import { spawnSync } from 'node:child_process';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { freePort } from '../ports.ts';
import { type DetachedEngine, startDetached } from './detached.ts';
import { stopOrphan } from './orphan.ts';
import { ENGINES, isInstalled } from './paths.ts';

export interface KafkaOptions {
  /** Holds the log (`log/`) and its settings; may be used again after any kind of end. */
  readonly dataDir: string;
  /** Absent or 0: any free port. */
  readonly port?: number;
  readonly controllerPort?: number;
  /** What the broker prints is appended here. Absent: it is dropped. */
  readonly logFile?: string;
}

export interface RunningKafka extends DetachedEngine {
  /** `host:port`, for `kafka.brokers`. */
  readonly brokers: readonly string[];
  readonly port: number;
  readonly controllerPort: number;
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
  if (!isInstalled(ENGINES.kafka)) throw new Error('Kafka is not installed: run `npm run engines` first');
  mkdirSync(dataDir, { recursive: true });
  const folder = realpathSync(dataDir);
  const pidFile = join(folder, 'kafka.pid');
  const settingsFile = join(folder, 'kraft.properties');
  await stopOrphan(pidFile, settingsFile);

  const chosen = { port: port || (await freePort()), controllerPort: controllerPort || (await freePort()) };
  writeFileSync(settingsFile, settings(chosen.port, chosen.controllerPort, join(folder, 'log')));
  const classpath = join(ENGINES.kafka.folder, 'lib', '*');
  const format = spawnSync(
    'java',
    ['-cp', classpath, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', settingsFile, '--ignore-formatted'],
    { encoding: 'utf8' },
  );
  if (format.error) throw new Error('Kafka needs Java 17 or newer on the PATH', { cause: format.error });
  if (format.status !== 0) throw new Error(`Kafka could not format ${folder}: ${format.stderr.trim() || format.stdout.trim()}`);

  const brokers = [`${HOST}:${chosen.port}`];
  const engine = await startDetached({
    name: 'Kafka',
    command: 'java',
    args: ['-Xmx512m', '-cp', classpath, 'kafka.Kafka', settingsFile],
    folder,
    pidFile,
    logFile,
    startMs: START_MS,
    stopMs: STOP_MS,
    answers: () => answers(brokers),
  });
  return { ...engine, ...chosen, brokers };
}

async function answers(brokers: readonly string[]): Promise<boolean> {
  const kafka = new Kafka({
    clientId: 'start',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    retry: { retries: 0 },
  });
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
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
