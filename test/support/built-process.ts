import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { exitOf } from '#local/engines/process.ts';

const ROOT_MODULES = join(import.meta.dirname, '../../node_modules');
/** What the images set (workers/Dockerfile). */
const NODE_OPTIONS = '--enable-source-maps --disable-warning=TimeoutNegativeWarning';

export interface BuiltProcess {
  /** What came with the ready message. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Asks as ECS does, by SIGTERM; the exit code. */
  stop(): Promise<number>;
}

/** Gives the built worker the packages that its image installs: Temporal's, and no others. */
export function installTemporal(workerFolder: string): void {
  const modules = join(workerFolder, 'node_modules');
  mkdirSync(join(modules, '@temporalio'), { recursive: true });
  for (const name of readdirSync(join(ROOT_MODULES, '@temporalio')))
    symlinkSync(join(ROOT_MODULES, '@temporalio', name), join(modules, '@temporalio', name));
  symlinkSync(join(ROOT_MODULES, 'protobufjs'), join(modules, 'protobufjs'));
}

/** Runs `<folder>/<name>/index.mjs` with plain Node in that folder. Resolves when it says that it is ready; rejects with its output when it ends before. */
export async function startBuiltProcess(folder: string, name: string, env: NodeJS.ProcessEnv): Promise<BuiltProcess> {
  const { child, exited, output } = run(folder, name, env);
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    child.on('message', (message: { type?: string }) => {
      if (message.type === 'ready') resolve(message as Record<string, unknown>);
    });
    void exited.then((code) => reject(new Error(`the built ${name} ended with code ${code}:\n${output()}`)));
  });
  return {
    ready,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** Runs a built process to its end; what it said. Rejects when it fails. */
export async function runBuiltProcess(folder: string, name: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { exited, output } = run(folder, name, env);
  const code = await exited;
  if (code !== 0) throw new Error(`the built ${name} ended with code ${code}:\n${output()}`);
  return output();
}

function run(folder: string, name: string, env: NodeJS.ProcessEnv): { child: ChildProcess; exited: Promise<number>; output: () => string } {
  const child = fork(join(folder, name, 'index.mjs'), { cwd: folder, env: { ...env, NODE_OPTIONS }, silent: true, execArgv: [] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => {
      output += text;
    });
  return { child, exited: exitOf(child), output: () => output };
}
