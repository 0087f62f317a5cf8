import { type Clock, systemClock } from '#kernel/clock.ts';
import type { Entity } from '#kernel/permission.ts';
import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client.ts';
import type { Config } from '#platform/config/schema.ts';
import { createEventLog } from '#platform/event-log/create.ts';
import type { EventLog } from '#platform/event-log/event-log.ts';
import { type EventLogLogger, silentLogger } from '#platform/event-log/log.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import { type Metrics, silentMetrics } from '#platform/observability/metrics.ts';
import { createDatabase, type Database } from '#platform/postgres/database.ts';
import type { Guards } from '#platform/resource/guards.ts';
import type { Hooks } from '#platform/resource/hooks.ts';
import { lazy } from './lazy.ts';
import type { SettingDefinition } from './setting.ts';

export interface EngineOptions {
  readonly clock?: Clock;
  readonly logger?: EventLogLogger;
  readonly metrics?: Metrics;
}

/** What every module may use. Engines are opened when they are first asked for, and connect on first use. */
export interface Engines {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: EventLogLogger;
  readonly metrics: Metrics;
  readonly database: Database;
  readonly clickhouse: ClickHouse;
  /** A promise: the adapter is loaded on demand. */
  readonly eventLog: Promise<EventLog>;
  readonly guards: Guards;
  readonly hooks: Hooks;
  /** What any module gives rights to. */
  readonly entities: readonly Entity[];
  /** What any module lets an environment decide. Loaded once, when it is first asked for. */
  settingDefinitions(): Promise<readonly SettingDefinition[]>;
  /** Closes something with the app. */
  opened<T extends { close(): Promise<void> }>(engine: T): T;
  /** One check per engine, for readiness. Each rejects with the reason. */
  readiness(): Readonly<Record<string, () => Promise<void>>>;
  /** Closes what was opened, last first. */
  close(): Promise<void>;
}

/** The engines of a configuration. Opens and connects nothing. */
export function createEngines(
  config: Config,
  { clock = systemClock, logger, metrics = silentMetrics }: EngineOptions,
  rules: Pick<Engines, 'guards' | 'hooks' | 'entities' | 'settingDefinitions'>,
): Engines {
  const closers: (() => Promise<void>)[] = [];
  const opened = <T extends { close(): Promise<void> }>(engine: T): T => {
    closers.push(() => engine.close());
    return engine;
  };
  const database = lazy(() => opened(createDatabase(config.postgres)));
  const clickhouse = lazy(() => opened(createClickHouse(config)));
  const eventLog = lazy(async (): Promise<EventLog> => opened(await createEventLog(config, logger)));

  return {
    config,
    clock,
    logger: logger ?? silentLogger,
    metrics,
    ...rules,
    opened,
    get database() {
      return database();
    },
    get clickhouse() {
      return clickhouse();
    },
    get eventLog() {
      return eventLog();
    },
    readiness: () => ({
      postgres: () => database().ping(),
      clickhouse: () => clickhouse().ping(),
      event_log: async () => {
        const missing = await (await eventLog()).missingTopics(topicSpecs(config).map((topic) => topic.name));
        if (missing.length > 0) throw new Error(`missing topics: ${missing.join(', ')}`);
      },
    }),
    close: async () => {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}
