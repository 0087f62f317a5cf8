import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWithUs } from '#local/engines/guard.ts';
import { alive, commandLine, exitOf, until } from '#local/engines/process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface LocalModeOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Such as `--real`. */
  readonly args?: readonly string[];
}

/** A Local Mode as `npm start` runs it, in processes of its own. */
export class LocalModeProcess {
  readonly url: string;
  readonly exited: Promise<number>;
  readonly #dataDir: string;
  readonly #process: ChildProcess;
  #said = '';

  constructor({ dataDir, port, env = {}, args = [] }: LocalModeOptions) {
    this.url = `http://127.0.0.1:${port}`;
    this.#dataDir = dataDir;
    this.#process = spawn(process.execPath, [join(ROOT, 'local/start.ts'), ...args], {
      cwd: ROOT,
      env: {
        ...withoutConfiguration(process.env),
        FLEXPRICE_CONFIG_FILE: 'no-such-file.yaml',
        FLEXPRICE_LOCAL_DATA_DIR: dataDir,
        FLEXPRICE_SERVER_PORT: String(port),
        FLEXPRICE_LOCAL_DEMO: 'false',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own, as a shell gives it.
      detached: true,
    });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#said += chunk.toString();
      });
    this.exited = exitOf(this.#process);
    if (this.#process.pid !== undefined) endWithUs(this.#process.pid, 'TERM', this.exited);
  }

  /** What a person at the terminal has read so far. */
  get output(): string {
    return this.#said;
  }

  /** Resolves when the API is ready and all is announced. Throws with the output when it ends before. */
  async ready(milliseconds = 110_000): Promise<this> {
    let code: number | undefined;
    void this.exited.then((value) => {
      code = value;
    });
    const ready = await until(() => {
      if (code !== undefined) throw new Error(`Local Mode ended with code ${code}:\n${this.#said}`);
      return this.#said.includes('API key');
    }, milliseconds);
    if (!ready) throw new Error(`Local Mode does not become ready:\n${this.#said}`);
    return this;
  }

  async isServing(): Promise<boolean> {
    return fetch(`${this.url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** Process ids of all it has started, by name, with its own. */
  processes(): Map<string, number> {
    return processesOf(this.#dataDir).set('supervisor', this.#process.pid as number);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** As a terminal does, or whoever ends a whole session: the supervisor and those of its processes that have no group of their own. */
  killGroup(signal: NodeJS.Signals): void {
    process.kill(-(this.#process.pid as number), signal);
  }

  /** `kill -9` of the supervisor and all its processes, all at once. */
  async killEverything(): Promise<void> {
    const pids = [...this.processes().values()];
    for (const pid of pids) if (alive(pid)) process.kill(pid, 'SIGKILL');
    await this.exited;
    await until(() => !pids.some(alive), 5_000);
  }
}

/** Process ids of what a supervisor has started on its data directory, by name. */
export function processesOf(dataDir: string): Map<string, number> {
  const children = join(dataDir, 'processes.json');
  const recorded = existsSync(children) ? (JSON.parse(readFileSync(children, 'utf8')) as Record<string, { pid: number }>) : {};
  const pids = new Map(Object.entries(recorded).map(([name, { pid }]) => [name, pid]));
  const postmaster = join(dataDir, 'postgres/cluster/postmaster.pid');
  if (existsSync(postmaster)) pids.set('postgres', Number(readFileSync(postmaster, 'utf8').split('\n')[0]));
  for (const engine of ['kafka', 'temporal']) {
    const file = join(dataDir, engine, `${engine}.pid`);
    if (existsSync(file)) pids.set(engine, Number(readFileSync(file, 'utf8')));
  }
  return pids;
}

/** Command lines of processes that work on a data directory. Linux only: elsewhere the list is empty. */
export function processesOn(dataDir: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandLine(Number(pid)) ?? '')
    .filter((command) => command.includes(dataDir));
}

function withoutConfiguration(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('FLEXPRICE_') && !name.startsWith('VITEST') && name !== 'NODE_ENV'),
  );
}
