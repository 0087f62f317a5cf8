import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '#platform/event-log/log.ts';
import { CONTENT, HEADERS, TOPICS } from '#platform/event-log/topics.ts';
import { type RunningConsumer, startConsumer } from '#workers/consumer/run.ts';
import { startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { deadLetter, ensureTopics, packLine, validEvent } from '../support/events.ts';
import { describeWithKafka, type TestKafka } from '../support/real-engines.ts';

const WAIT = { timeout: 40_000, interval: 100 };
const PATH = '/v1/events/dead-letters';
const ALL = { status: 'all', reason: null, limit: 1000, from: new Map<string, bigint>() } as const;

// What can never be stored blocks nothing, can be seen by whom it belongs to, and can be tried again (metering.md D6, D7). The same on both logs.

function scenarios(kafka: () => TestKafka | null): void {
  let api: TestApi;
  let stranger: TestTenant;
  let consumer: RunningConsumer;

  beforeAll(async () => {
    const brokers = kafka()?.brokers.join();
    api = await startTestApi({
      clickhouse: true,
      env: {
        FLEXPRICE_CONSUMER_MAX_WAIT_MS: '50',
        FLEXPRICE_CONSUMER_MIN_BYTES: '1',
        ...(brokers === undefined ? {} : { FLEXPRICE_KAFKA_BROKERS: brokers }),
      },
    });
    stranger = await api.tenant('Stranger');
    await ensureTopics(api.app);
    consumer = await startConsumer({ app: api.app, logger: silentLogger });
  }, 120_000);
  afterAll(async () => {
    await consumer?.stop();
    await api?.close();
  });

  const log = () => api.app.eventLog;
  const everything = async () => (await api.app.deadLetters.ofOperator().list(ALL)).letters;
  const countOf = async (customer: string): Promise<number> =>
    (
      await api.request('POST', '/v1/events/usage', {
        event_name: 'call',
        external_customer_id: customer,
        aggregation_type: 'COUNT',
        start_time: '2026-01-01T00:00:00Z',
        end_time: '2027-01-01T00:00:00Z',
      })
    ).body.value ?? 0;
  const lettersOf = async (tenant: TestTenant, query = '') =>
    (await tenant.request('GET', `${PATH}${query}`)).body.items as { id: string; status: string; reason: string }[];

  test('poison of every kind is listed with its reason, and what stands behind it in the partition is stored', async () => {
    const { tenantId, environmentId } = api.ctx;
    const headers = { [HEADERS.tenantId]: tenantId, [HEADERS.environmentId]: environmentId, [HEADERS.content]: CONTENT.eventPack };
    const { [HEADERS.tenantId]: _, ...withoutTenant } = headers;
    const { [HEADERS.environmentId]: __, ...withoutEnvironment } = headers;
    const good = packLine('good-within', { external_customer_id: 'behind' });
    const poison: [Buffer, Record<string, string>][] = [
      [Buffer.from(`{"id":\n${good}\n{"id":"half"}\n`), headers],
      [randomBytes(40), headers],
      [Buffer.alloc(0), headers],
      [Buffer.from(good), { ...headers, [HEADERS.content]: 'something else' }],
      [Buffer.from(good), withoutTenant],
      [Buffer.from(good), withoutEnvironment],
    ];
    const partition = 1;
    await (await log()).append(
      TOPICS.events,
      poison.map(([value, own]) => ({ key: 'poison', value, headers: own, partition })),
    );
    await (await log()).append(TOPICS.events, [
      { key: 'behind', value: Buffer.from(packLine('good-behind', { external_customer_id: 'behind' })), headers, partition },
    ]);

    await expect.poll(() => countOf('behind'), WAIT).toBe(2);
    const reasons = async () => (await everything()).map(({ letter }) => letter.reason);
    await expect
      .poll(async () => (await reasons()).filter((reason) => !['bad_json', 'invalid_event'].includes(reason)).sort(), WAIT)
      .toEqual(['empty', 'missing_environment', 'missing_tenant', 'unknown_content']);
    // Random bytes may hold line ends, and each piece is a letter.
    expect((await reasons()).filter((reason) => reason === 'bad_json').length).toBeGreaterThanOrEqual(2);
    expect(
      (await everything()).every(
        ({ letter, redrive }) => redrive === null && letter.detail !== '' && letter.headers[HEADERS.originTopic] === TOPICS.events,
      ),
    ).toBe(true);
    // Whose tenant or environment is not known is nobody's.
    expect((await lettersOf(api)).map(({ reason }) => reason)).not.toContain('missing_tenant');
    expect(await lettersOf(api, '?reason=missing_environment')).toEqual([]);
    expect(await lettersOf(stranger)).toEqual([]);
  });

  test('once the cause is gone, a redrive stores the event, exactly once; a second one says so', async () => {
    // What an earlier release refused and this one takes.
    await (await log()).append('events.dlq', [
      deadLetter(api.ctx, packLine('mended', { external_customer_id: 'mended' }), 'refused_by_mistake', 'mended'),
    ]);
    const [letter] = await lettersOf(api, '?reason=refused_by_mistake');
    expect(letter).toMatchObject({ status: 'open' });
    const shown = await api.request('GET', `${PATH}/${letter?.id}`);
    expect(shown.body).toMatchObject({
      id: letter?.id,
      message: 'refused as refused_by_mistake',
      content: packLine('mended', { external_customer_id: 'mended' }),
      content_truncated: false,
      failed_at: '2026-03-15T12:00:00Z',
    });

    expect((await api.request('POST', `${PATH}/redrive`, { ids: [letter?.id, letter?.id] })).body).toMatchObject({
      redriven: 1,
      already_redriven: 0,
    });
    await expect.poll(() => countOf('mended'), WAIT).toBe(1);
    expect((await api.request('POST', `${PATH}/redrive`, { ids: [letter?.id] })).body).toMatchObject({
      redriven: 0,
      already_redriven: 1,
      message: expect.stringContaining('before'),
    });
    expect((await api.request('GET', `${PATH}/${letter?.id}`)).body).toMatchObject({
      status: 'redriven',
      redriven_by: expect.any(String),
      redriven_at: expect.any(String),
    });
    expect(await lettersOf(api, '?reason=refused_by_mistake')).toEqual([]);
    expect(await lettersOf(api, '?reason=refused_by_mistake&status=redriven')).toHaveLength(1);

    // Driven again in spite of that: the same event under its own id, and one behind it to know when.
    await api.app.deadLetters.ofOperator().redrive([letter?.id ?? ''], true);
    await api.request(
      'POST',
      '/v1/events',
      validEvent({ event_id: 'after-mended', external_customer_id: 'mended', timestamp: '2026-03-10T00:00:00Z' }),
    );
    await expect.poll(() => countOf('mended'), WAIT).toBe(2);
  });

  test('a redrive puts back bytes, key and headers as they were, and what still fails comes as a new letter', async () => {
    const record = deadLetter(api.ctx, '{"still":"bad"}', 'still_bad');
    await (await log()).append('events.dlq', [record, record]);
    const before = new Set((await everything()).map(({ letter }) => `${letter.partition}:${letter.offset}`));
    const { body } = await api.request('POST', `${PATH}/redrive`, { reason: 'still_bad' });
    expect(body).toEqual({ message: 'Events are driven again', redriven: 2, already_redriven: 0 });
    const fresh = async () =>
      (await everything()).map(({ letter }) => letter).filter(({ partition, offset }) => !before.has(`${partition}:${offset}`));
    await expect.poll(async () => (await fresh()).length, WAIT).toBe(2);
    const [again] = await fresh();
    expect(again).toMatchObject({ key: record.key, value: record.value, reason: 'invalid_event' });
    const { [HEADERS.count]: count, [HEADERS.originLine]: line } = again?.headers ?? {};
    expect([count, line]).toEqual(['1', '0']);
    for (const name of [HEADERS.tenantId, HEADERS.environmentId, HEADERS.content, HEADERS.ingestedAt])
      expect(again?.headers[name]).toBe(record.headers[name]);
    expect((await api.request('POST', `${PATH}/redrive`, { reason: 'still_bad' })).body).toMatchObject({
      redriven: 0,
      already_redriven: 2,
    });
  });

  test('a tenant sees its own letters only, page by page, each once', async () => {
    const other = { ...api.ctx, environmentId: api.environments[1]?.id ?? '' };
    const mixed = Array.from({ length: 30 }, (_, index) =>
      deadLetter([api.ctx, stranger.ctx, other][index % 3] ?? api.ctx, packLine(`paged-${index}`), 'paged', `c${index}`),
    );
    await (await log()).append('events.dlq', mixed);
    await (await log()).append('events_lazy.dlq', [deadLetter(api.ctx, packLine('paged-lazy'), 'paged')]);
    const ids: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await api.request('GET', `${PATH}?reason=paged&limit=4${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(body.items.length).toBeLessThanOrEqual(4);
      ids.push(...body.items.map(({ id }: { id: string }) => id));
      if (!body.has_more) break;
      cursor = body.next_cursor;
    }
    expect([ids.length, new Set(ids).size]).toEqual([11, 11]);
    const theirs = await lettersOf(stranger, '?reason=paged');
    expect([theirs.length, theirs.filter(({ id }) => ids.includes(id)).length]).toEqual([10, 0]);
    for (const id of [theirs[0]?.id, 'events.dlq:0:999999999', 'system_events.dlq:0:0', 'nonsense']) {
      expect([
        (await api.request('GET', `${PATH}/${id}`)).status,
        (await api.request('POST', `${PATH}/redrive`, { ids: [ids[0], id] })).status,
      ]).toEqual([404, 404]);
    }
    // Nothing of a request that names a foreign letter is driven.
    expect(await lettersOf(api, '?reason=paged')).toHaveLength(11);
    // By reason, a redrive takes one's own.
    expect((await api.request('POST', `${PATH}/redrive`, { reason: 'paged' })).body).toMatchObject({ redriven: 11 });
    expect((await lettersOf(stranger, '?reason=paged')).map(({ status }) => status)).toEqual(theirs.map(() => 'open'));
  });
}

describe('dead letters in the log in Postgres', () => {
  scenarios(() => null);

  test('bad requests name the field, and roles decide', async () => {
    const api = await startTestApi({ env: { FLEXPRICE_CLICKHOUSE_URL: 'http://127.0.0.1:1' } });
    try {
      for (const [path, field] of [
        [`${PATH}?cursor=nonsense`, 'cursor'],
        [`${PATH}?limit=0`, 'limit'],
        [`${PATH}?limit=201`, 'limit'],
        [`${PATH}?status=gone`, 'status'],
      ]) {
        expect((await api.request('GET', path ?? '')).body).toMatchObject({ http_status_code: 400, details: { field } });
      }
      for (const [body, field] of [
        [{}, 'ids'],
        [{ ids: ['events.dlq:0:0'], reason: 'bad_json' }, 'ids'],
        [{ ids: [] }, 'ids'],
        [{ reason: 'x', cursor: 'nonsense' }, 'cursor'],
      ] as const) {
        expect((await api.request('POST', `${PATH}/redrive`, body)).body).toMatchObject({ http_status_code: 400, details: { field } });
      }
      const as = async (role: string) => ({ 'x-api-key': await api.keyWith([role]) });
      expect((await api.send('GET', PATH, undefined, await as('event_ingestor'))).status).toBe(403);
      expect((await api.send('GET', PATH, undefined, await as('event_reader'))).status).toBe(200);
      expect((await api.send('POST', `${PATH}/redrive`, { reason: 'x' }, await as('event_reader'))).status).toBe(403);
    } finally {
      await api.close();
    }
  });
});

describeWithKafka('dead letters in Kafka', (kafka) => scenarios(kafka));
