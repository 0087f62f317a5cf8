// `npm run dlq -- list | show | redrive | practise`: looks at dead letters and puts them back on the topic that they came from.
// Reads the configured event log and Postgres; without any, those of a Local Mode that runs on this machine.
import { createApp } from '#app/create-app.ts';
import { DomainError } from '#kernel/errors.ts';
import { runningLocalMode } from '#local/running.ts';
import { ConfigError } from '#platform/config/load.ts';
import { loadRuntimeConfig } from '#platform/config/runtime.ts';
import { type DlqCommand, DLQ_USAGE, parseDlqArguments } from './dlq/arguments.ts';
import { practise } from './dlq/practise.ts';
import { printLetter, printLetters } from './dlq/print.ts';
import { redrive } from './dlq/redrive.ts';
import { UsageError } from './usage-error.ts';

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

async function run(command: DlqCommand): Promise<void> {
  const configured = await loadRuntimeConfig();
  const beside = configured.postgres.host === undefined ? runningLocalMode(configured) : null;
  if (configured.postgres.host === undefined && beside === null)
    throw new UsageError(
      'There is no Local Mode running here. Start one (npm start), or set FLEXPRICE_POSTGRES_HOST and, for Kafka, FLEXPRICE_KAFKA_BROKERS.',
    );
  if (command.action === 'practise' && beside === null)
    throw new UsageError('practise writes into the log: it does so beside a Local Mode alone, not where engines are configured.');
  const app = createApp(beside ?? configured);
  try {
    if (command.action === 'practise') return await practise(app, say);
    const desk = app.deadLetters.ofOperator(command);
    switch (command.action) {
      case 'show': {
        say(printLetter(await desk.get(command.id)));
        return;
      }
      case 'list': {
        say(await printLetters(desk, command));
        return;
      }
      case 'redrive': {
        await redrive(desk, command, say);
      }
    }
  } finally {
    await app.close();
  }
}

try {
  const command = parseDlqArguments(process.argv.slice(2));
  if (command === null) say(DLQ_USAGE);
  else await run(command);
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n\n${DLQ_USAGE}\n`);
    process.exitCode = 2;
  } else if (error instanceof DomainError) {
    process.stderr.write(`${error.message}${error.details?.id === undefined ? '' : `: ${String(error.details.id)}`}\n`);
    process.exitCode = 1;
  } else if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } else throw error;
}
