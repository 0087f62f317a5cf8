import { setTimeout as wait } from 'node:timers/promises';
import type { Output } from './output.ts';

/** A process that runs: an engine or one of our own children. */
export interface Running {
  readonly pid: number;
  /** Settles with the exit code, however the process ended. */
  readonly exited: Promise<number>;
  stop(): Promise<void>;
  kill(): void;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** A process that ran this long before it died starts again without a longer pause. */
const STABLE_MS = 30_000;

export interface KeeperOptions<R extends Running> {
  readonly name: string;
  /** Starts the process and resolves when it is ready. Asked again after every unexpected end. */
  start(signal: AbortSignal): Promise<R>;
  readonly output: Output;
  onStart?(running: R): void;
}

/** Keeps one process running until it is told to stop. */
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

  /** Stops the process; kills it when it has not ended after `milliseconds`. */
  async stop(milliseconds: number): Promise<void> {
    this.#stopping.abort();
    const forced = setTimeout(() => this.kill(), milliseconds);
    await this.#starting;
    await this.#running?.stop();
    clearTimeout(forced);
  }

  kill(): void {
    this.#stopping.abort();
    this.#running?.kill();
  }

  async #begin(): Promise<R> {
    const running = await this.#options.start(this.#stopping.signal);
    this.#running = running;
    this.#options.onStart?.(running);
    const startedAt = performance.now();
    void running.exited.then((code) => {
      this.#running = undefined;
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - startedAt > STABLE_MS) this.#pause = FIRST_PAUSE_MS;
      this.#options.output.warn(`${this.name} ended unexpectedly (${describe(code)}), starting it again`);
      this.#starting = this.#restart();
    });
    return running;
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
        if (!this.#stopping.signal.aborted) this.#options.output.warn(`${this.name} did not start: ${(error as Error).message}`);
      }
    }
  }
}

function describe(code: number): string {
  if (code === 137) return 'killed';
  return code > 128 ? `signal ${code - 128}` : `code ${code}`;
}
