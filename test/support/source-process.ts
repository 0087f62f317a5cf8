import { fork } from 'node:child_process';
import { join } from 'node:path';
import { exitOf } from '#local/engines/process.ts';
import { childEnvironment } from '#local/supervisor/environment.ts';
import type { Config } from '#platform/config/schema.ts';

export interface SourceProcess {
  readonly pid: number;
  /** What came with the ready message. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Settles with the exit code, however it ended. */
  readonly exited: Promise<number>;
  /** What it has printed so far. */
  output(): string;
  /** Asks it to stop; the exit code. */
  stop(): Promise<number>;
}

const MAIN = {
  api: 'local/api.ts',
  consumer: 'workers/consumer/main.ts',
  relay: 'workers/relay/main.ts',
  worker: 'workers/worker/main.ts',
} as const;

/** A process of ours as Local Mode runs it, from the sources. Resolves when it says that it is ready; rejects with its output when it ends before. */
export async function startSourceProcess(name: keyof typeof MAIN, config: Config): Promise<SourceProcess> {
  const child = fork(join(import.meta.dirname, '../..', MAIN[name]), { env: childEnvironment(config), silent: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => {
      output += text;
    });
  const exited = exitOf(child);
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    child.on('message', (message: { type?: string }) => {
      if (message.type === 'ready') resolve(message as Record<string, unknown>);
    });
    void exited.then((code) => reject(new Error(`the ${name} ended with code ${code}:\n${output}`)));
  });
  return {
    pid: child.pid ?? 0,
    ready,
    exited,
    output: () => output,
    stop: () => {
      // One that has ended already has nobody to listen.
      if (child.connected) child.send({ type: 'stop' });
      return exited;
    },
  };
}
