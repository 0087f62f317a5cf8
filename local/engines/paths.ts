import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../../.engines');

/** Where `scripts/engines.ts` puts the real engines, and where they are started from. */
export const ENGINES = {
  root,
  kafka: join(root, 'kafka'),
  kafkaLib: join(root, 'kafka', 'lib'),
  temporal: join(root, 'temporal'),
  temporalBinary: join(root, 'temporal', 'bin', 'temporal'),
  /** Linters of templates and Dockerfiles (scripts/lint-infra.ts). */
  python: join(root, 'python'),
} as const;

/** Whether Kafka's jars are there. Says nothing of Java. */
export function kafkaIsInstalled(): boolean {
  return existsSync(ENGINES.kafkaLib) && readdirSync(ENGINES.kafkaLib).some((name) => /^kafka_2\.13-.*\.jar$/.test(name));
}

/** Whether the Temporal CLI, which holds the dev server, is there. */
export function temporalIsInstalled(): boolean {
  return existsSync(ENGINES.temporalBinary);
}
