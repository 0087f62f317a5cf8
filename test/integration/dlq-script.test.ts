import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAuditConsumer } from '#audit/consumer.ts';
import { createAuditRepository } from '#audit/repository.ts';
import { startConsumer } from '#workers/consumer/run.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { toLogRecord } from '#platform/event-log/system-event.ts';
import { practise } from '../../scripts/dlq/practise.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { deadLetter, ensureTopics, packLine } from '../support/events.ts';

const root = join(import.meta.dirname, '../..');
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clickhouse: true });
  await ensureTopics(api.app);
});
afterAll(() => api.close());

function dlq(...args: string[]): Promise<{ code: number; output: string }> {
  const { host = '', port, database, user, password = '' } = api.config.postgres;
  const env = {
    PATH: process.env.PATH ?? '',
    FLEXPRICE_CONFIG_FILE: 'no-such-file.yaml',
    FLEXPRICE_LOCAL_DATA_DIR: 'no-such-folder',
    ...(args.includes('--nowhere')
      ? {}
      : {
          FLEXPRICE_POSTGRES_HOST: host,
          FLEXPRICE_POSTGRES_PORT: String(port),
          FLEXPRICE_POSTGRES_DATABASE: database,
          FLEXPRICE_POSTGRES_USER: user,
          FLEXPRICE_POSTGRES_PASSWORD: password,
        }),
  };
  return new Promise((done) => {
    execFile(
      process.execPath,
      [join(root, 'scripts/dlq.ts'), ...args.filter((arg) => arg !== '--nowhere')],
      { cwd: root, env },
      (error, stdout, stderr) => {
        done({ code: error === null ? 0 : Number(error.code), output: `${stdout}${stderr}` });
      },
    );
  });
}

test('list, show and redrive letters of events', async () => {
  expect(await dlq('list')).toEqual({ code: 0, output: 'There are no open dead letters.\n' });
  const [topic, end] = [
    'events.dlq',
    async () => (await (await api.app.eventLog).offsets('events')).reduce((sum, each) => sum + each.end, 0n),
  ];
  await (await api.app.eventLog).append(topic, [
    deadLetter(api.ctx, packLine('cli-1'), 'bad_json'),
    deadLetter(api.ctx, '{"id":"\u001b[31m', 'bad_json'),
    deadLetter(api.ctx, packLine('cli-3'), 'invalid_event'),
  ]);

  const listed = await dlq('list', '--topic', 'events');
  expect(listed).toMatchObject({
    code: 0,
    output: expect.stringMatching(
      /^letter .*\nevents\.dlq:0:0 .* bad_json .*\n(.*\n){2}\n3 letters: 2 bad_json, 1 invalid_event\n$/,
    ) as unknown,
  });
  expect((await dlq('list', '--reason', 'invalid_event')).output).toContain('1 letter: 1 invalid_event');
  expect((await dlq('list', '--tenant', 'tenant_other')).output).toContain('no open dead letters');
  expect((await dlq('list', '--limit', '1')).output).toContain('There may be more');

  const shown = (await dlq('show', 'events:0:0')).output;
  for (const part of ['bad_json', `tenant_id         ${api.ctx.tenantId}`, 'stood at  events:0:7, line 1', '"id": "cli-1"', '"tokens": 3'])
    expect(shown).toContain(part);
  expect((await dlq('show', 'events.dlq:0:1')).output).not.toContain('\u001b');

  const before = await end();
  expect((await dlq('redrive', '--reason', 'bad_json', '--dry-run')).output).toContain('2 letters would be driven again.');
  expect(await end()).toBe(before);
  expect((await dlq('redrive', '--reason', 'bad_json')).output).toMatch(
    /events\.dlq:0:0 {2}bad_json {2}went to events\n.*\n\n2 letters driven again\./,
  );
  expect(await end()).toBe(before + 2n);
  expect((await dlq('redrive', 'events:0:0', 'events:0:2')).output).toMatch(
    /events\.dlq:0:0 {2}left alone: driven again at .* by operator\n[\s\S]*1 letter driven again, 1 left alone/,
  );
  expect((await dlq('redrive', 'events:0:0', '--again')).output).toContain('1 letter driven again.');
  expect(await end()).toBe(before + 4n);
  expect((await dlq('list')).output).toContain('no open dead letters');
  expect((await dlq('list', '--status', 'redriven')).output).toContain('3 letters');
  expect((await dlq('show', 'events:0:0')).output).toContain('by operator');
  expect(await dlq('redrive')).toEqual({ code: 0, output: '0 letters driven again.\n' });
}, 180_000);

test('letters of the system stream are driven into the audit log, once', async () => {
  const log = await api.app.eventLog;
  const audit = createAuditRepository(api.app.clickhouse);
  const record = toLogRecord({
    ...api.ctx,
    id: 'sys_event_cli',
    eventName: 'customer.created',
    entityType: 'customer',
    entityId: 'cust_cli',
    payload: {},
    createdAt: api.app.clock.now(),
    publishedAt: null,
    nextAttemptAt: null,
    failureCount: 0,
    failureReason: null,
    position: 1,
  });
  await log.append('system_events.dlq', [
    { ...record, headers: { ...record.headers, error_reason: 'unreadable_system_event', origin_topic: 'system_events' } },
  ]);
  expect((await dlq('list', '--topic', 'system_events')).output).toContain('unreadable_system_event');
  expect((await dlq('redrive', '--topic', 'system_events')).output).toContain('1 letter driven again');
  expect((await dlq('redrive', 'system_events:0:0', '--again')).output).toContain('1 letter driven again');
  const consumer = await startAuditConsumer({ eventLog: log, audit, clock: api.app.clock, logger: silentLogger });
  try {
    await expect
      .poll(async () => (await log.lag('audit', 'system_events')).every(({ end, committed }) => end === committed), { timeout: 20_000 })
      .toBe(true);
    expect(await audit.ofEntity(api.ctx, 'customer', 'cust_cli')).toHaveLength(1);
  } finally {
    await consumer.stop();
  }
});

test('help goes to standard output and needs no engine', async () => {
  expect(await dlq('--help', '--nowhere')).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^npm run dlq[\s\S]*bad_json +it is not valid JSON/) as unknown,
  });
});

test('the exercise makes a letter that can never be stored, and one that counts when it is driven again', async () => {
  const said: string[] = [];
  const tenant = await api.tenant('Practice');
  const open = () => dlq('list', '--topic', 'events', '--tenant', tenant.ctx.tenantId);
  const { authenticator, clock, config, eventLog } = api.app;
  const local = { ...config, local: { ...config.local, api_key: tenant.key } };
  await practise({ authenticator, clock, eventLog, config: local }, (text) => void said.push(text));
  expect(said.join()).toContain('npm run dlq -- list');
  const consumer = await startConsumer({ app: api.app, logger: silentLogger });
  try {
    await expect.poll(open, { timeout: 20_000 }).toMatchObject({
      output: expect.stringMatching(/2 letters: 1 invalid_event, 1 bad_json/) as unknown,
    });
    expect((await dlq('redrive', '--tenant', tenant.ctx.tenantId)).output).toContain('2 letters driven again.');
    await expect
      .poll(async () => (await tenant.request('GET', '/v1/events?external_customer_id=dlq-practice')).body.events, { timeout: 20_000 })
      .toMatchObject([{ event_name: 'dlq.practice' }]);
    await expect.poll(open, { timeout: 20_000 }).toMatchObject({
      output: expect.stringContaining('1 letter: 1 bad_json') as unknown,
    });
  } finally {
    await consumer.stop();
  }
});

test.each([
  [['drop'], 'no command "drop"'],
  [['list', '--nowhere'], 'no Local Mode running'],
  [['redrive', '--reason', 'nosuch'], 'There is no reason "nosuch"'],
  [['practise'], 'beside a Local Mode alone'],
])('%j is bad usage: exit code 2 and a line that says why', async (args, why) => {
  expect(await dlq(...args)).toMatchObject({ code: 2, output: expect.stringContaining(why) as unknown });
});

test('a letter that is not there: exit code 1', async () => {
  expect(await dlq('show', 'events:0:12345')).toEqual({ code: 1, output: 'dead letter not found: events.dlq:0:12345\n' });
});
