// `npm run dlq -- list | show | redrive`: looks at dead letters and puts them back on the topic that they came from.
// Reads the configured event log and Postgres; without any, those of a Local Mode that runs on this machine.
import { createApp } from '#app';
import { DomainError } from '#kernel/errors.ts';
import { runningLocalMode } from '#local/running.ts';
import { loadRuntimeConfig } from '#platform/config/runtime.ts';
import { type DlqCommand, DLQ_USAGE, parseDlqArguments } from './dlq/arguments.ts';
import { printLetter, printLetters } from './dlq/print.ts';
import { redrive } from './dlq/redrive.ts';
import { UsageError } from './usage-error.ts';

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

async function run(command: DlqCommand): Promise<void> {
  const configured = await loadRuntimeConfig();
  const config = configured.postgres.host === undefined ? runningLocalMode(configured) : configured;
  if (config === null)
    throw new UsageError(
      'There is no Local Mode running here. Start one (npm start), or set FLEXPRICE_POSTGRES_HOST and, for Kafka, FLEXPRICE_KAFKA_BROKERS.',
    );
  const app = createApp(config);
  try {
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
  await run(parseDlqArguments(process.argv.slice(2)));
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n\n${DLQ_USAGE}\n`);
    process.exitCode = 2;
  } else if (error instanceof DomainError) {
    process.stderr.write(`${error.message}${error.details?.id === undefined ? '' : `: ${String(error.details.id)}`}\n`);
    process.exitCode = 1;
  } else throw error;
}
