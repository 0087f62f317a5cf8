import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants, getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alive, until } from '#local/engines/process.ts';
import { freePort } from '#local/ports.ts';
import { LocalModeProcess, processesOn } from '#test/support/local-mode.ts';

const API_KEY = 'sk_local_reliability_test_key';

let parent: string;
let dataDir: string;
let port: number;
let local: LocalModeProcess;

const start = (options: { dataDir?: string; port?: number; env?: Record<string, string> } = {}) =>
  new LocalModeProcess({ dataDir, port, env: { FLEXPRICE_LOCAL_API_KEY: API_KEY }, ...options });

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'flexprice-local-mode-'));
  chmodSync(parent, 0o711);
  dataDir = join(parent, 'data');
  port = await freePort();
  local = await start().ready();
}, 120_000);

afterAll(async () => {
  await local?.killEverything();
  rmSync(parent, { recursive: true, force: true });
});

async function environments(): Promise<string[]> {
  const answer = await fetch(`${local.url}/v1/environments`, { headers: { 'x-api-key': API_KEY } });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { environments: { id: string }[] }).environments.map(({ id }) => id).sort();
}

const post = (path: string, body: unknown): Promise<Response> =>
  fetch(`${local.url}${path}`, {
    method: 'POST',
    headers: { 'x-api-key': API_KEY },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  });

/** Requests one after the other, each repeated until it is accepted. `end` answers how many events they held. */
function loadOf(name: string): { sent(): number; end(): Promise<number> } {
  const EVENTS = 10;
  let over = false;
  let accepted = 0;
  const run = async (): Promise<number> => {
    while (!over) {
      const events = Array.from({ length: EVENTS }, (_, index) => ({
        event_id: `${name}-${accepted}-${index}`,
        event_name: `while ${name}`,
        external_customer_id: `c${index}`,
      }));
      const answered = await until(
        () =>
          post('/v1/events/bulk', { events }).then(
            ({ status }) => status === 202,
            () => false,
          ),
        60_000,
      );
      if (!answered) throw new Error(`events were not accepted for a minute after ${name} was killed`);
      accepted += 1;
    }
    return accepted * EVENTS;
  };
  const running = run();
  return {
    sent: () => accepted,
    end: () => {
      over = true;
      return running;
    },
  };
}

/** What the usage says, or -1 while it cannot be asked. */
async function counted(name: string): Promise<number> {
  const answer = await post('/v1/events/usage', { event_name: `while ${name}`, aggregation_type: 'COUNT' }).catch(() => undefined);
  return answer?.ok ? (((await answer.json()) as { value?: number }).value ?? 0) : -1;
}

// Whole starts on a machine that runs other tests at the same time.
describe.sequential('Local Mode', { timeout: 120_000 }, () => {
  test('becomes ready and says where it is', async () => {
    const ready = (await (await fetch(`${local.url}/health/ready`)).json()) as { engines: Record<string, { status: string }> };
    expect(
      Object.entries(ready.engines)
        .map(([engine, { status }]) => `${engine} ${status}`)
        .sort(),
    ).toEqual(['clickhouse', 'disk', 'event_log', 'postgres'].map((engine) => `${engine} ok`));
    for (const text of [`:${port}/v1`, `:${port}/docs`, API_KEY]) expect(local.output).toContain(text);
    expect([...local.processes().keys()].sort()).toEqual(['api', 'clickhouse', 'consumer', 'postgres', 'relay', 'supervisor', 'worker']);
  });

  test('lets requests go before what nobody waits for', () => {
    const priorities = Object.fromEntries([...local.processes()].map(([name, pid]) => [name, getPriority(pid)]));
    const [normal, below] = [getPriority(), constants.priority.PRIORITY_BELOW_NORMAL];
    expect(priorities).toEqual({
      supervisor: normal,
      api: normal,
      postgres: normal,
      clickhouse: below,
      consumer: below,
      relay: below,
      worker: below,
    });
  });

  test('refuses a second one on the same folder', async () => {
    const second = start({ port: await freePort() });
    expect(await second.exited).toBe(1);
    expect(second.output).toContain('runs already');
    expect(await local.isServing()).toBe(true);
  });

  test('refuses a configured port that is taken, and a folder with other things in it', async () => {
    const taken = createServer();
    await new Promise<void>((listening) => taken.listen(0, '127.0.0.1', listening));
    const second = start({ dataDir: join(parent, 'second'), port: (taken.address() as { port: number }).port });
    expect(await second.exited).toBe(1);
    expect(second.output).toContain('is taken');
    await new Promise((closed) => taken.close(closed));

    writeFileSync(join(parent, 'note.txt'), 'mine');
    const third = start({ dataDir: parent, port: await freePort() });
    expect(await third.exited).toBe(1);
    expect(third.output).toContain('holds something else');
  });

  test.each(['api', 'consumer', 'relay', 'clickhouse', 'postgres'])(
    'starts a killed %s again, and every event of a client that tries again counts once',
    async (name) => {
      const killed = local.processes().get(name) as number;
      const load = loadOf(name);
      expect(await until(() => load.sent() >= 3, 20_000)).toBe(true);
      process.kill(killed, 'SIGKILL');
      const again = await until(() => {
        const pid = local.processes().get(name);
        return pid !== undefined && pid !== killed && alive(pid);
      }, 20_000);
      expect(again).toBe(true);
      expect(await until(() => local.isServing(), 20_000)).toBe(true);
      expect(
        await until(
          () => local.output.includes(`${name === 'postgres' ? 'Postgres' : name === 'clickhouse' ? 'ClickHouse' : name} is back`),
          20_000,
        ),
      ).toBe(true);
      const sent = load.sent();
      expect(await until(() => load.sent() > sent, 30_000)).toBe(true);
      const total = await load.end();
      expect(await until(async () => (await counted(name)) >= total, 60_000)).toBe(true);
      expect(await counted(name)).toBe(total);
    },
  );

  test('a Postgres that was asked to shut down while it has users is back within seconds, and a person is told', async () => {
    const asked = local.processes().get('postgres') as number;
    const said = local.output.length;
    process.kill(asked, 'SIGTERM');
    expect(await until(() => local.output.slice(said).includes('Postgres is back'), 15_000)).toBe(true);
    expect(local.output.slice(said)).toContain('Postgres does not work any more (the database system is shutting down)');
    expect(await until(() => local.isServing(), 10_000)).toBe(true);
    expect((await post('/v1/events', { event_name: 'after', external_customer_id: 'c' })).status).toBe(202);
  });

  test.each(['relay', 'clickhouse'])('a %s that is held is started again, and a person is told', async (name) => {
    const held = local.processes().get(name) as number;
    const said = local.output.length;
    process.kill(held, 'SIGSTOP');
    const title = name === 'clickhouse' ? 'ClickHouse' : name;
    expect(await until(() => local.output.slice(said).includes(`${title} is back`), 60_000)).toBe(true);
    expect(local.output.slice(said)).toContain(`${title} does not work any more (no answer within 3 s)`);
    expect(alive(held)).toBe(false);
    expect(await until(() => local.isServing(), 10_000)).toBe(true);
  });

  test('goes on with its data after kill -9 of everything', async () => {
    const before = await environments();
    await local.killEverything();
    local = await start().ready();
    expect(await environments()).toEqual(before);
    expect(before).toHaveLength(2);
  });

  test('kill -9 of the supervisor alone ends everything with it, and the next one goes on', async () => {
    const before = await environments();
    const left = local.processes();
    local.kill('SIGKILL');
    await local.exited;
    expect(await until(() => ![...left.values()].some(alive), 10_000)).toBe(true);
    expect(processesOn(dataDir)).toEqual([]);
    local = await start().ready();
    expect(await environments()).toEqual(before);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s to the whole process group stops everything quietly', async (signal) => {
    const pids = [...local.processes().values()];
    const said = local.output.length;
    local.killGroup(signal);
    expect(await until(() => !pids.some(alive), 10_000)).toBe(true);
    expect(await local.exited).toBe(0);
    expect(local.output.slice(said).trim().split('\n')).toEqual([expect.stringContaining('Stopping'), expect.stringContaining('Stopped.')]);
    expect(processesOn(dataDir)).toEqual([]);
    local = await start().ready();
  });

  test('SIGTERM stops everything within 10 s and leaves no process', async () => {
    const pids = [...local.processes().values()];
    local.kill('SIGTERM');
    // The limit is the promise that is made to whoever stops a container.
    const stopped = await until(() => !pids.some(alive), 10_000);
    expect(stopped).toBe(true);
    expect(await local.exited).toBe(0);
    expect(processesOn(dataDir)).toEqual([]);
  });
});
