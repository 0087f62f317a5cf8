import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { alive, exitOf, until } from '#local/engines/process.ts';

/** Every write to it fails as on a full disk. */
const FULL = '/dev/full';
const path = (file: string): string => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href);

let folder: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flexprice-child-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Forks a long-lived process that does `work` when it starts, with its output at `output`. */
function run(work: string, output: string, running = '{ stop: async () => {} }'): ChildProcess {
  const script = join(folder, 'child.ts');
  writeFileSync(
    script,
    `import { runChild } from ${path('./child.ts')};
    import { createLogger } from ${path('../shared/platform/observability/logger.ts')};
    const logger = createLogger({ log: { level: 'INFO' }, deployment: { environment: 'test' } }, 'test');
    runChild(async () => { ${work}; return ${running}; });`,
  );
  const log = openSync(output, 'a');
  child = fork(script, { stdio: ['ignore', log, log, 'ipc'] });
  closeSync(log);
  return child;
}

const answered = (from: ChildProcess, type: string): Promise<void> =>
  new Promise((settle) => {
    const listen = (message: { type?: string }): void => {
      if (message.type !== type) return;
      from.off('message', listen);
      settle();
    };
    from.on('message', listen);
  });

test.runIf(existsSync(FULL))('a process whose log lines cannot be written goes on, and stops in order', async () => {
  const ours = run('setInterval(() => { logger.info("a line"); console.error("another"); process.emitWarning("a third") }, 5)', FULL);
  const exited = exitOf(ours);
  await answered(ours, 'ready');
  for (let question = 0; question < 20; question += 1) {
    const pong = answered(ours, 'pong');
    ours.send({ type: 'ping' });
    await pong;
  }
  ours.send({ type: 'stop' });
  expect(await exited).toBe(0);
});

test('a process whose event loop stands does not answer', async () => {
  const ours = run('setTimeout(() => { for (;;); }, 1)', '/dev/null');
  await answered(ours, 'ready');
  let pongs = 0;
  ours.on('message', (message: { type?: string }) => {
    if (message.type === 'pong') pongs += 1;
  });
  expect(
    await until(async () => {
      const before = pongs;
      ours.send({ type: 'ping' });
      return !(await until(() => pongs > before, 500));
    }, 10_000),
  ).toBe(true);
  expect(alive(ours.pid as number)).toBe(true);
});

test('a health file that cannot be touched does not end the process', async () => {
  const ours = run('', '/dev/null', `{ healthFile: ${JSON.stringify(join(folder, 'no-such-folder/alive'))}, stop: async () => {} }`);
  await answered(ours, 'ready');
  const exited = exitOf(ours);
  ours.send({ type: 'stop' });
  expect(await exited).toBe(0);
});
