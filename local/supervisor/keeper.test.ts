import { expect, test } from 'vitest';
import { GoingDown, until } from '../engines/process.ts';
import { Keeper, type KeeperOptions, type Running } from './keeper.ts';

/** A process that ends when the test says so. */
class FakeProcess implements Running {
  readonly exited: Promise<number>;
  readonly pid: number;
  end: (code: number) => void = () => {};
  stops = 0;
  /** What it says when it is asked whether it works. */
  probe: () => Promise<void> = async () => undefined;

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

function keep(
  outcomes: ('runs' | 'fails' | 'hangs' | 'never starts')[] = [],
  more: Partial<Pick<KeeperOptions<FakeProcess>, 'onStart'>> & { error?: Error } = {},
) {
  const started: FakeProcess[] = [];
  const lines: string[] = [];
  const say = (text: string): void => {
    lines.push(text);
  };
  let attempt = 0;
  const keeper = new Keeper<FakeProcess>({
    name: 'engine',
    output: { step: say, warn: say, plain: say },
    patience: { everyMs: 10, answerMs: 50, misses: 3 },
    ...more,
    async start() {
      attempt += 1;
      if (outcomes[attempt - 1] === 'fails') throw more.error ?? new Error('port taken');
      if (outcomes[attempt - 1] === 'never starts') await new Promise(() => {});
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

test('a start that does not heed its signal holds up no stop', async () => {
  const { keeper } = keep(['never starts']);
  void keeper.start();
  await keeper.stop(10);
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

test('an end that was expected is told to nobody, and nothing is started again', async () => {
  const { keeper, started, lines } = keep();
  await keeper.start();
  keeper.expectEnd();
  started[0]?.end(0);
  await keeper.stop(1_000);
  expect([started.length, lines]).toEqual([1, []]);
});

test.each([
  ['never answers', () => new Promise<void>(() => {}), 'no answer within 0.05 s'],
  ['refuses', () => Promise.reject(new Error('connection refused')), 'connection refused'],
])('a living process that %s is stopped and started again, and a person is told why', async (_name, probe, reason) => {
  const { keeper, started, lines } = keep();
  await keeper.start();
  (started[0] as FakeProcess).probe = probe;
  expect(await until(() => lines.includes('engine is back'), 5_000)).toBe(true);
  expect(lines).toEqual([`engine does not work any more (${reason}), starting it again`, 'engine is back']);
  expect(started[0]?.stops).toBe(1);
  await keeper.stop(1_000);
});

test('a process that misses a question now and then is left alone', async () => {
  const { keeper, started, lines } = keep();
  await keeper.start();
  let asked = 0;
  (started[0] as FakeProcess).probe = async () => {
    asked += 1;
    if (asked % 3 !== 0) throw new Error('busy');
  };
  expect(await until(() => asked > 12, 5_000)).toBe(true);
  expect([started.length, lines]).toEqual([1, []]);
  await keeper.stop(1_000);
});

test('one that says that it goes down is not asked twice', async () => {
  const { keeper, started, lines } = keep();
  await keeper.start();
  let asked = 0;
  (started[0] as FakeProcess).probe = async () => {
    asked += 1;
    throw new GoingDown('the database system is shutting down');
  };
  expect(await until(() => lines.includes('engine is back'), 5_000)).toBe(true);
  expect(asked).toBe(1);
  await keeper.stop(1_000);
});

test('one that neither works nor stops is killed', async () => {
  const { keeper, started, lines } = keep(['hangs']);
  await keeper.start();
  (started[0] as FakeProcess).probe = () => new Promise(() => {});
  expect(await started[0]?.exited).toBe(137);
  expect(await until(() => lines.includes('engine is back'), 5_000)).toBe(true);
  await keeper.stop(1_000);
});

test('a process that could not be written down is kept like any other, and is not started twice', async () => {
  let full = false;
  const { keeper, started, lines } = keep([], {
    onStart: () => {
      if (full) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    },
  });
  await keeper.start();
  full = true;
  started[0]?.end(1);
  expect(await until(() => lines.includes('engine is back'), 5_000)).toBe(true);
  expect(lines).toContain('engine runs, but that could not be written down: the disk is full');
  started[1]?.end(1);
  expect(await until(() => started.length === 3, 5_000)).toBe(true);
  await keeper.stop(1_000);
  expect(started.map(({ stops }) => stops)).toEqual([0, 0, 1]);
});

test('a start that fails for want of room says so', async () => {
  const { keeper, started, lines } = keep(['runs', 'fails', 'runs'], {
    error: Object.assign(new Error('ENOSPC: no space left on device, open'), { code: 'ENOSPC' }),
  });
  await keeper.start();
  started[0]?.end(1);
  expect(await until(() => lines.includes('engine is back'), 5_000)).toBe(true);
  expect(lines).toContain('engine did not start: the disk is full');
  await keeper.stop(1_000);
});
