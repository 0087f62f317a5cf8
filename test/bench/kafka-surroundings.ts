import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startKafka } from '#local/engines/kafka.ts';
import { ENGINES, isInstalled } from '#local/engines/paths.ts';
import type { Config } from '#platform/config/schema.ts';
import { createEventLog } from '#platform/event-log/create.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import type { Surroundings } from './surroundings.ts';

/** A configuration with a real broker of its own, or undefined where Kafka is not installed (`npm run engines`). */
export async function withKafka(
  { config, folder, onStop }: Pick<Surroundings, 'config' | 'folder' | 'onStop'>,
  name = 'kafka',
): Promise<Config | undefined> {
  if (!isInstalled(ENGINES.kafka)) return undefined;
  const dataDir = join(folder, name);
  mkdirSync(dataDir, { recursive: true });
  const broker = startKafka({ dataDir, logFile: join(folder, `${name}.log`) });
  onStop(async () => {
    await (await broker.catch(() => undefined))?.stop();
  });
  const { brokers } = await broker;
  const onKafka: Config = { ...config, kafka: { ...config.kafka, brokers: [...brokers] } };
  const log = await createEventLog(onKafka);
  try {
    await log.ensureTopics(topicSpecs(onKafka));
  } finally {
    await log.close();
  }
  return onKafka;
}
