import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe } from 'vitest';
import { startElasticMq } from '#local/engines/elasticmq.ts';
import { type RunningKafka, startKafka } from '#local/engines/kafka.ts';
import { ENGINES, isInstalled } from '#local/engines/paths.ts';
import { type RunningTemporal, startTemporal } from '#local/engines/temporal.ts';

import { sqsClient, type TestSqs } from '../contract/sqs-harness.ts';

const START_MS = 120_000;

/** A real broker that can be killed and brought back on the same port and data. */
export interface TestKafka {
  readonly brokers: readonly string[];
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a broker of its own with temporary data. */
export async function realKafka(): Promise<TestKafka> {
  const dataDir = mkdtempSync(join(tmpdir(), 'flexprice-kafka-'));
  let kafka: RunningKafka = await startKafka({ dataDir });
  return {
    brokers: kafka.brokers,
    async kill() {
      process.kill(kafka.pid, 'SIGKILL');
      await kafka.exited;
    },
    async restart() {
      kafka = await startKafka({ dataDir, port: kafka.port, controllerPort: kafka.controllerPort });
    },
    async stop() {
      await kafka.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Starts a dev server of its own with temporary data. */
export async function realTemporal(): Promise<RunningTemporal> {
  const dataDir = mkdtempSync(join(tmpdir(), 'flexprice-temporal-'));
  const temporal = await startTemporal({ dataDir });
  return {
    ...temporal,
    async stop() {
      await temporal.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/**
 * Tests against one real Kafka, which `kafka()` gives within them. Without Kafka or Java they are skipped, with the reason
 * in their name; with FLEXPRICE_TEST_ENGINES=required they fail instead.
 */
export function describeWithKafka(name: string, tests: (kafka: () => TestKafka) => void): void {
  describeWith('Kafka', name, isInstalled(ENGINES.kafka) && hasJava(), realKafka, tests);
}

/** The same for a real Temporal dev server. */
export function describeWithTemporal(name: string, tests: (temporal: () => RunningTemporal) => void): void {
  describeWith('the Temporal dev server', name, isInstalled(ENGINES.temporal), realTemporal, tests);
}

/** The same for a real server that speaks SQS's protocol, with its messages in memory. */
export function describeWithElasticMq(name: string, tests: (sqs: () => TestSqs) => void): void {
  describeWith('ElasticMQ', name, isInstalled(ENGINES.elasticmq) && hasJava(), realElasticMq, tests);
}

function hasJava(): boolean {
  return spawnSync('java', ['-version'], { stdio: 'ignore' }).status === 0;
}

async function realElasticMq(): Promise<TestSqs> {
  const dataDir = mkdtempSync(join(tmpdir(), 'flexprice-elasticmq-'));
  const { endpoint, stop } = await startElasticMq({ dataDir });
  return {
    endpoint,
    client: () => sqsClient(endpoint),
    async stop() {
      await stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function describeWith<T extends { stop(): Promise<void> }>(
  engine: string,
  name: string,
  isThere: boolean,
  start: () => Promise<T>,
  tests: (engine: () => T) => void,
): void {
  if (!isThere && process.env.FLEXPRICE_TEST_ENGINES !== 'required') {
    describe.skip(`${name} (skipped: ${engine} is not installed, see \`npm run engines\`)`, () =>
      tests(() => {
        throw new Error('skipped');
      }));
    return;
  }
  describe(name, () => {
    let running: T | undefined;
    beforeAll(async () => {
      running = await start();
    }, START_MS);
    afterAll(async () => {
      await running?.stop();
    }, START_MS);
    tests(() => {
      if (!running) throw new Error(`${engine} has not been started`);
      return running;
    });
  });
}
