import { randomInt } from 'node:crypto';
import { createApp } from '#app/create-app.ts';
import { AUDIT_GROUP } from '#audit/consumer.ts';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { systemClock } from '#kernel/clock.ts';
import { systemContext } from '#kernel/context.ts';
import { newId } from '#kernel/ids.ts';
import { isIngest } from '#local/gateway.ts';
import { portFrom } from '#local/ports.ts';
import { COUNTER_GROUP } from '#counters/service/counter-consumer.ts';
import { FOLLOW_UP_GROUP } from '#ingestion/service/follow-up-consumer.ts';
import { EVENT_STREAMS } from '#ingestion/service/event-streams.ts';
import type { Config } from '#platform/config/schema.ts';
import { dlqOf, TOPICS } from '#platform/event-log/topics.ts';
import { type Answer, toGatewayEvent } from './api.ts';
import { ensureTopics } from './events.ts';
import { type SourceProcess, startSourceProcess } from './source-process.ts';

const PROCESSES = ['consumer', 'relay', 'worker'] as const;
/** All that the chain consumes: events into ClickHouse, stored events into counters and what else follows from them, changes into the audit log. */
const GROUPS = [
  ...EVENT_STREAMS,
  ...[COUNTER_GROUP, FOLLOW_UP_GROUP].map((group) => ({ topic: TOPICS.eventsPostProcessing, group })),
  { topic: TOPICS.systemEvents, group: AUDIT_GROUP },
];

/** Ends of the partitions of all streams, as the log had them at some moment. */
export type Ends = ReadonlyMap<string, bigint>;

/** All of the way of an event: the handlers in this process, and the processes behind the log, which nothing starts again. */
export interface MeteringChain {
  readonly tenantId: string;
  readonly environmentId: string;
  request(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Rows of ClickHouse, past the API. */
  rows<Row>(sql: string, parameters?: Readonly<Record<string, unknown>>): Promise<Row[]>;
  ends(): Promise<Ends>;
  /** How many records of all streams are not committed yet, up to their end or up to ends of an earlier moment. */
  lag(upTo?: Ends): Promise<bigint>;
  deadLetters(): Promise<bigint>;
  /** Process ids by name. */
  pids(): Readonly<Record<string, number>>;
  /** What became of processes that have ended, with what they said last. */
  ended(): readonly string[];
  close(): Promise<void>;
}

/** On migrated engines. The topics and a tenant with a key are made here. */
export async function startMeteringChain(config: Config): Promise<MeteringChain> {
  const app = createApp(config);
  const [ingest, management] = [createIngestHandler(app), createManagementHandler(app)];
  const key = `sk_test_${newId('secret', systemClock)}`;
  const tenantId = newId('tenant', systemClock);
  const [{ environments }] = await Promise.all([
    app.tenancy.createTenant(systemContext(tenantId, '', 'test'), { name: 'Outage', key }),
    ensureTopics(app),
  ]);
  const log = await app.eventLog;

  const running = new Map<string, SourceProcess>();
  const ended: string[] = [];
  const close = async (): Promise<void> => {
    await Promise.all([...running.values()].map((each) => each.stop()));
    await app.close();
  };
  const started = await Promise.allSettled(
    PROCESSES.map(async (name) => {
      const each = await startSourceProcess(name, config);
      running.set(name, each);
      void each.exited.then((code) => ended.push(`the ${name} ended with code ${code}: ${each.output().slice(-2_000)}`));
    }),
  );
  const failed = started.find((each) => each.status === 'rejected');
  if (failed) {
    await close();
    throw failed.reason;
  }

  const partitions = async () =>
    (
      await Promise.all(
        GROUPS.map(async ({ group, topic }) =>
          (await log.lag(group, topic)).map((each) => ({ ...each, name: `${topic}/${each.partition}` })),
        ),
      )
    ).flat();
  return {
    tenantId,
    environmentId: environments[0]?.id ?? '',
    async request(method, path, body) {
      const handler = isIngest(method, path) ? ingest : management;
      const { statusCode, headers, body: text = '' } = await handler(toGatewayEvent(method, path, body, { 'x-api-key': key }));
      return { status: statusCode, headers, text, body: JSON.parse(text) };
    },
    rows: (sql, parameters) => app.clickhouse.query(sql, parameters),
    ends: async () => new Map((await partitions()).map(({ name, end }) => [name, end])),
    lag: async (upTo) =>
      (await partitions()).reduce((sum, { name, end, committed }) => {
        const behind = (upTo?.get(name) ?? end) - committed;
        return behind > 0n ? sum + behind : sum;
      }, 0n),
    deadLetters: async () => {
      const held = await Promise.all(Object.values(TOPICS).map((topic) => log.offsets(dlqOf(topic))));
      return held.flat().reduce((sum, { end }) => sum + end, 0n);
    },
    pids: () => Object.fromEntries([...running].map(([name, { pid }]) => [name, pid])),
    ended: () => ended,
    close,
  };
}

/** A port that nobody is given while the engine on it is away: those that the system deals out to connections begin higher. */
export function portThatStays(): Promise<number> {
  return portFrom(randomInt(20_000, 29_000));
}
