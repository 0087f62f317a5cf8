import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { steadyIngest } from './background.ts';
import { percentiles } from './figures.ts';
import { withKafka } from './kafka-surroundings.ts';
import type { Sizes } from './sizes.ts';
import type { Surroundings } from './surroundings.ts';

const PER_SECOND = 10_000;
const CUSTOMERS = 1_000;
const SAMPLE_MS = 2_000;

/** Memory of the consumer under a steady load: whether it stays flat. Takes ten minutes, and so runs only when it is asked for by name. */
export async function benchSoak(surroundings: Surroundings, { soakSeconds }: Sizes): Promise<string> {
  const config = (await withKafka(surroundings, 'kafka-soak')) ?? surroundings.config;
  const api = await surroundings.startServer('local/api.ts', config);
  const consumer = await surroundings.startServer('workers/consumer/main.ts', config);
  const ingest = steadyIngest(api, { [config.auth.header]: config.local.api_key }, PER_SECOND, 0, CUSTOMERS);
  const samples: number[] = [];
  const end = performance.now() + soakSeconds * 1000;
  while (performance.now() < end) {
    await delay(SAMPLE_MS);
    samples.push(residentMib(consumer.pid));
  }
  await ingest.stop();
  // The first third is the way up to the working size.
  const third = Math.floor(samples.length / 3);
  const median = (from: number, to?: number): number => percentiles(samples.slice(from, to)).p50;
  return `memory of the consumer: ${median(third, 2 * third)} MiB in the second third of ${soakSeconds} s, ${median(2 * third)} MiB in the last, ${Math.max(...samples)} MiB at most (${ingest.sent().toLocaleString('en-US')} events at ${PER_SECOND.toLocaleString('en-US')}/s)`;
}

/** Resident memory of a process, read from /proc: Linux only. */
function residentMib(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  if (kib === undefined) throw new Error(`the memory of process ${pid} cannot be read`);
  return Math.round(Number(kib) / 1024);
}
