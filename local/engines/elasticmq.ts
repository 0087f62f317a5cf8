import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../ports.ts';
import { type DetachedEngine, startDetached } from './detached.ts';
import { stopOrphan } from './orphan.ts';
import { ENGINES, isInstalled } from './paths.ts';

export interface RunningElasticMq extends DetachedEngine {
  /** For `AWS_ENDPOINT_URL_SQS`; the account is 000000000000. */
  readonly endpoint: string;
}

const HOST = '127.0.0.1';
const START_MS = 60_000;
const STOP_MS = 10_000;

/**
 * Starts a server that speaks SQS's protocol on a free port and resolves when it answers. It has no queues yet and keeps them in memory; the
 * folder is for its settings. Throws when it is not installed (`npm run engines`).
 */
export async function startElasticMq({ dataDir }: { readonly dataDir: string }): Promise<RunningElasticMq> {
  if (!isInstalled(ENGINES.elasticmq)) throw new Error('ElasticMQ is not installed: run `npm run engines` first');
  mkdirSync(dataDir, { recursive: true });
  const folder = realpathSync(dataDir);
  const pidFile = join(folder, 'elasticmq.pid');
  const settingsFile = join(folder, 'elasticmq.conf');
  await stopOrphan(pidFile, settingsFile);

  const port = await freePort();
  writeFileSync(settingsFile, settings(port));
  const endpoint = `http://${HOST}:${port}`;
  const engine = await startDetached({
    name: 'ElasticMQ',
    command: 'java',
    args: ['-Xmx128m', `-Dconfig.file=${settingsFile}`, '-cp', join(ENGINES.elasticmq.folder, 'lib', '*'), 'org.elasticmq.server.Main'],
    folder,
    pidFile,
    logFile: join(folder, 'elasticmq.log'),
    startMs: START_MS,
    stopMs: STOP_MS,
    answers: () =>
      fetch(`${endpoint}/?Action=ListQueues`).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
  return { ...engine, endpoint };
}

/** In its own format: items of one level need a comma or a line of their own, or it ends without a word. */
function settings(port: number): string {
  return [
    'include classpath("application.conf")',
    `node-address { protocol = http, host = "${HOST}", port = ${port}, context-path = "" }`,
    `rest-sqs { enabled = true, bind-hostname = "${HOST}", bind-port = ${port}, sqs-limits = strict }`,
    'rest-stats { enabled = false }',
    '',
  ].join('\n');
}
