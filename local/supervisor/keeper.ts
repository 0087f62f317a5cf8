import { setTimeout as wait } from 'node:timers/promises';
import { PATIENCE, type Patience, untilSilent } from './liveness.ts';
import type { Output } from './output.ts';

/** A process that runs: an engine or one of our own children. */
export interface Running {
  readonly pid: number;
  /** Settles with the exit code, however the process ended. */
  readonly exited: Promise<number>;
  /** Resolves when the process does its work. Rejects with the reason, or never settles, when it does not; GoingDown when it never will again. */
  probe(): Promise<void>;
  stop(): Promise<void>;
  kill(): void;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** A process that ran this long before it died starts again without a longer pause. */
const STABLE_MS = 30_000;
/** One that does not work any more gets this long to stop before it is killed. */
const REPLACE_MS = 3_000;

export interface KeeperOptions<R extends Running> {
  readonly name: string;
  /** Starts the process and resolves when it is ready; a start that fails leaves no process. Asked again after every unexpected end. */
  start(signal: AbortSignal): Promise<R>;
  readonly output: Output;
  /** Takes note of the process. What goes wrong here is told, and the process runs all the same. */
  onStart?(running: R): void;
  /** Default: PATIENCE. */
  readonly patience?: Patience;
}

/** Keeps one process running and working until it is told to stop. */
export class Keeper<R extends Running = Running> {
  readonly name: string;
  readonly #options: KeeperOptions<R>;
  readonly #stopping = new AbortController();
  #running: R | undefined;
  /** A start that is under way: a stop waits for it, or a process would be left behind. */
  #starting: Promise<void> = Promise.resolve();
  #pause = FIRST_PAUSE_MS;

  constructor(options: KeeperOptions<R>) {
    this.name = options.name;
    this.#options = options;
  }

  /** The first start. Rejects when it fails: only what has worked once is worth repeating. */
  start(): Promise<R> {
    const started = this.#begin();
    this.#starting = started.then(
      () => undefined,
      () => undefined,
    );
    return started;
  }

  /** From now on an end is no surprise and nothing is started again. A signal to the whole process group ends all of them at once. */
  expectEnd(): void {
    this.#stopping.abort();
  }

  /** Stops the process; kills it when it has not ended after `milliseconds`. */
  async stop(milliseconds: number): Promise<void> {
    this.expectEnd();
    const forced = setTimeout(() => this.kill(), milliseconds);
    // A start that does not heed its signal holds up nobody: what it starts after that ends with the supervisor's own process.
    await Promise.race([this.#starting, wait(milliseconds, undefined, { ref: false })]);
    await this.#running?.stop();
    clearTimeout(forced);
  }

  kill(): void {
    this.expectEnd();
    this.#running?.kill();
  }

  async #begin(): Promise<R> {
    const running = await this.#options.start(this.#stopping.signal);
    this.#running = running;
    const startedAt = performance.now();
    const ended = new AbortController();
    let replaced = false;
    // First of all: whatever goes wrong from here on, the end of the process is noticed and the process is stopped with the others.
    void running.exited.then((code) => {
      ended.abort();
      this.#running = undefined;
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - startedAt > STABLE_MS) this.#pause = FIRST_PAUSE_MS;
      if (!replaced) this.#options.output.warn(`${this.name} ended unexpectedly (${describe(code)}), starting it again`);
      this.#starting = this.#restart();
    });
    void untilSilent(() => running.probe(), this.#options.patience ?? PATIENCE, ended.signal).then((reason) => {
      if (reason === undefined || this.#stopping.signal.aborted) return;
      replaced = true;
      this.#options.output.warn(`${this.name} does not work any more (${reason}), starting it again`);
      const forced = setTimeout(() => running.kill(), REPLACE_MS);
      void running.stop().finally(() => clearTimeout(forced));
    });
    this.#takeNote(running);
    return running;
  }

  #takeNote(running: R): void {
    try {
      this.#options.onStart?.(running);
    } catch (error) {
      this.#options.output.warn(`${this.name} runs, but that could not be written down: ${reasonOf(error)}`);
    }
  }

  async #restart(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await wait(this.#pause, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted) return;
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
      try {
        await this.#begin();
        if (!this.#stopping.signal.aborted) this.#options.output.step(`${this.name} is back`);
        return;
      } catch (error) {
        if (!this.#stopping.signal.aborted) this.#options.output.warn(`${this.name} did not start: ${reasonOf(error)}`);
      }
    }
  }
}

function describe(code: number): string {
  if (code === 137) return 'killed';
  return code > 128 ? `signal ${code - 128}` : `code ${code}`;
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' ? 'the disk is full' : message;
}
