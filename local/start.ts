// Local Mode: everything on this machine, until Ctrl-C. In the other deployment modes this process is the one that the mode names.
import { relative } from 'node:path';
import { ConfigError } from '#platform/config/load.ts';
import type { Config } from '#platform/config/schema.ts';
import { resolveSecretReferences } from '#platform/secrets/references.ts';
import { baseUrl } from './base-url.ts';
import { switchesOf } from './command-line.ts';
import { effectiveConfig } from './configuration.ts';
import { outliveLostLines } from '#workers/log-streams.ts';
import { StartError } from './start-error.ts';
import { bold, dim, red, seconds, terminal } from './supervisor/output.ts';
import { Supervisor } from './supervisor/supervisor.ts';

/** A signal to the whole process group comes more than once below npm: from whoever sent it, and passed on by each process between. */
const SAME_SIGNAL_MS = 1_000;

const USAGE = `npm start                 runs all of it on this machine, until Ctrl-C
npm run start:real        the same on a real Kafka and Temporal (--real)

What can be set is in the README, and npm run config prints what is: FLEXPRICE_SERVER_PORT=8081 npm start`;

const switches = switchesOf(USAGE, ['--real']);
const startedAt = performance.now();
let stopping = false;

async function runLocalMode(config: Config): Promise<void> {
  terminal.plain(`\n${bold('FlexPrice')} ${dim('Local Mode')}\n`);
  const supervisor = new Supervisor({ config, real: switches.has('--real'), output: terminal });
  stopOnSignals(supervisor);
  try {
    const effective = await supervisor.start();
    terminal.step(`API ready at ${baseUrl(effective.server)} (${seconds(startedAt)})`);
    if (effective.local.demo) await demonstrate(effective);
    if (!stopping) announce(effective);
  } catch (error) {
    if (stopping) return; // the signal's own stop is under way
    explain(error);
    await supervisor.stop();
    process.exit(1);
  }
}

/** The demonstration is a client like any other: when it fails, the API is there all the same. */
async function demonstrate({ server, local }: Config): Promise<void> {
  const { runDemo } = await import('./demo/run.ts');
  try {
    await runDemo({ baseUrl: `${baseUrl(server)}/v1`, apiKey: local.api_key, write: terminal.plain });
  } catch (error) {
    if (!stopping) terminal.warn(`The demonstration did not finish: ${(error as Error).message}`);
  }
}

function stopOnSignals(supervisor: Supervisor): void {
  let first = 0;
  const onSignal = (): void => {
    if (!stopping) {
      stopping = true;
      first = performance.now();
      terminal.plain(dim('\nStopping ... (once more to stop at once)'));
      void supervisor.stop().then(() => {
        terminal.plain(dim('Stopped. The data is kept; npm start goes on from here.'));
        process.exit(0);
      });
    } else if (performance.now() - first > SAME_SIGNAL_MS) {
      supervisor.kill();
      process.exit(130);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  process.on('uncaughtException', (error) => {
    explain(error, 'Local Mode has to stop.');
    void supervisor.stop().finally(() => process.exit(1));
  });
}

function announce(config: Config): void {
  const url = baseUrl(config.server);
  const folder = relative(process.cwd(), config.local.data_dir) || '.';
  terminal.plain(
    [
      '',
      `  ${bold('API')}      ${url}/v1`,
      `  ${bold('Docs')}     ${url}/docs`,
      `  ${bold('API key')}  ${config.local.api_key}`,
      `  ${bold('Data')}     ${folder.startsWith('..') ? config.local.data_dir : folder} ${dim(`(logs in ${folder.startsWith('..') ? config.local.data_dir : folder}/logs)`)}`,
      '',
      dim('  Ctrl-C stops it, npm run reset deletes the data.'),
      '',
    ].join('\n'),
  );
}

function explain(error: unknown, what = 'Local Mode did not start.'): void {
  const known = error instanceof StartError || error instanceof ConfigError;
  const text = error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`\n${red(what)} ${text}\n\n`);
}

// The terminal may be gone before the processes are.
outliveLostLines();
try {
  const config = effectiveConfig(await resolveSecretReferences(process.env));
  switch (config.deployment.mode) {
    case 'local':
      await runLocalMode(config);
      break;
    case 'api':
      await import('./api.ts');
      break;
    case 'consumer':
      await import('../workers/consumer/main.ts');
      break;
    case 'relay':
      await import('../workers/relay/main.ts');
      break;
    case 'worker':
      await import('../workers/worker/main.ts');
      break;
  }
} catch (error) {
  explain(error);
  process.exit(1);
}
