import { expect, test } from 'vitest';
import { until } from '../engines/process.ts';
import { Keeper, type Running } from './keeper.ts';

/** A process that ends when the test says so. */
class FakeProcess implements Running {
  readonly exited: Promise<number>;
  readonly pid: number;
  end: (code: number) => void = () => {};
  stops = 0;

  constructor(pid: number) {
    this.pid = pid;
    this.exited = new Promise((settle) => {
      this.end = settle;
    });
  }

  async stop(): Promise<void> {
    this.stops += 1;
    this.end(0);
  }

  kill(): void {
    this.end(137);
  }
}

function keep(outcomes: ('runs' | 'fails' | 'hangs')[] = []) {
  const started: FakeProcess[] = [];
  const lines: string[] = [];
  const say = (text: string): void => {
    lines.push(text);
  };
  let attempt = 0;
  const keeper = new Keeper<FakeProcess>({
    name: 'engine',
    output: { step: say, warn: say, plain: say },
    async start() {
      attempt += 1;
      if (outcomes[attempt - 1] === 'fails') throw new Error('port taken');
      const running = new FakeProcess(attempt);
      if (outcomes[attempt - 1] === 'hangs') running.stop = () => new Promise(() => {});
      started.push(running);
      return running;
    },
  });
  return { keeper, started, lines, attempts: () => attempt };
}

test('a process that dies is started again, and a person is told', async () => {
  const { keeper, started, lines } = keep();
  await keeper.start();
  started[0]?.end(1);
  expect(await until(() => started.length === 2 && lines.length === 2, 5_000)).toBe(true);
  expect(lines).toEqual(['engine ended unexpectedly (code 1), starting it again', 'engine is back']);
  await keeper.stop(1_000);
});

test('a restart that fails is tried again', async () => {
  const { keeper, started, lines } = keep(['runs', 'fails', 'fails', 'runs']);
  await keeper.start();
  started[0]?.end(137);
  expect(await until(() => lines.includes('engine is back'), 10_000)).toBe(true);
  expect(lines.filter((line) => line === 'engine did not start: port taken')).toHaveLength(2);
  expect(lines[0]).toContain('(killed)');
  await keeper.stop(1_000);
});

test('the first start is not repeated', async () => {
  const { keeper, attempts } = keep(['fails']);
  await expect(keeper.start()).rejects.toThrow('port taken');
  expect(attempts()).toBe(1);
});

test('what is stopped stays stopped', async () => {
  const { keeper, started, lines } = keep();
  const running = await keeper.start();
  await keeper.stop(1_000);
  await running.exited;
  expect(running.stops).toBe(1);
  expect(started).toHaveLength(1);
  expect(lines).toEqual([]);
});

test('one that does not stop is killed', async () => {
  const { keeper } = keep(['hangs']);
  const running = await keeper.start();
  void keeper.stop(10);
  expect(await running.exited).toBe(137);
});

test('a stop while a restart waits ends the waiting', async () => {
  const { keeper, started, attempts } = keep(['runs', ...Array.from({ length: 50 }, () => 'fails' as const)]);
  await keeper.start();
  started[0]?.end(1);
  expect(await until(() => attempts() > 2, 5_000)).toBe(true);
  await keeper.stop(1_000);
  const before = attempts();
  await keeper.stop(1_000);
  expect(attempts()).toBe(before);
});
