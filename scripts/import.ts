// `npm run import -- <file.ndjson|file.csv>`: sends a file of events, of whatever size, through POST /v1/events/bulk. Stopped or killed, it goes on
// where it was when it is started again.
import { effectiveConfig } from '#local/configuration.ts';
import { localApi } from '#local/running.ts';
import { ConfigError } from '#platform/config/load.ts';
import { IMPORT_USAGE, type ImportOptions, parseImportArguments } from './import/arguments.ts';
import { showProgress } from './import/progress.ts';
import { runImport } from './import/run.ts';
import { ImportFailed } from './import/send.ts';
import { UsageError } from './usage-error.ts';

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** The API that `npm start` runs here. Throws UsageError when there is none. */
function localUrl(): string {
  const url = localApi(effectiveConfig(process.env));
  if (url === null)
    throw new UsageError(
      'There is no Local Mode running here. Start one (npm start), or say where the API is: --url https://api.example.com/v1.',
    );
  return url;
}

async function run(options: ImportOptions): Promise<void> {
  const stopping = new AbortController();
  process.once('SIGINT', () => {
    process.stderr.write('\nStopping after the batches in hand (Ctrl-C again: at once) ...\n');
    stopping.abort();
  });
  const { finished, rejected } = await runImport(options, { signal: stopping.signal, say, progressOf: showProgress });
  if (!finished) process.exitCode = 130;
  else if (rejected > 0) process.exitCode = 1;
}

try {
  const options = parseImportArguments(process.argv.slice(2), { url: localUrl, key: () => effectiveConfig(process.env).local.api_key });
  if (options === null) say(IMPORT_USAGE);
  else await run(options);
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n\n${IMPORT_USAGE}\n`);
    process.exitCode = 2;
  } else if (error instanceof ImportFailed || error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } else throw error;
}
