// `npm run import -- <file.ndjson|file.csv>`: sends a file of events, of whatever size, through POST /v1/events/bulk. Stopped or killed, it goes on
// where it was when it is started again.
import { effectiveConfig } from '#local/configuration.ts';
import { IMPORT_USAGE, parseImportArguments } from './import/arguments.ts';
import { runImport } from './import/run.ts';
import { ImportFailed } from './import/send.ts';
import { UsageError } from './usage-error.ts';

const stopping = new AbortController();
process.once('SIGINT', () => {
  process.stderr.write('\nStopping after the batches in hand (Ctrl-C again: at once) ...\n');
  stopping.abort();
});

try {
  const { finished, rejected } = await runImport(
    parseImportArguments(process.argv.slice(2), () => effectiveConfig(process.env).local.api_key),
    {
      signal: stopping.signal,
      say: (text) => {
        process.stdout.write(`${text}\n`);
      },
    },
  );
  if (!finished) process.exitCode = 130;
  else if (rejected > 0) process.exitCode = 1;
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n\n${IMPORT_USAGE}\n`);
    process.exitCode = 2;
  } else if (error instanceof ImportFailed) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } else throw error;
}
