// `npm run cost -- --env prod --events-per-month 100000000 --batch 100`: what an environment costs, from its templates, the price file and what was measured.
// `npm run cost -- --env prod --table`: the table of docs/cost.md.
import { parseArgs } from 'node:util';
import { environmentConfig } from '../infra/config/environments.ts';
import { costInputs } from '../infra/cost/inputs.ts';
import { costReport, costText, dollars } from '../infra/cost/report.ts';
import { templatesOf } from './templates.ts';

export const TABLE_EVENTS = [1e6, 100e6, 10e9];
export const TABLE_BATCHES = [1, 10, 100];

/** The rows of docs/cost.md: dollars per million events of an environment's month, everything included. */
export function costTable(env: string): string {
  const inputs = costInputs(environmentConfig(env).region);
  const templates = templatesOf(env);
  const rows = TABLE_EVENTS.flatMap((eventsPerMonth) =>
    TABLE_BATCHES.map((batch) => {
      const { fixedTotal, perMillion, perMillionAll, total } = costReport(env, templates, { eventsPerMonth, batch }, inputs);
      return `| ${(eventsPerMonth / 1e6).toLocaleString('en-US')} M | ${batch} | ${dollars(fixedTotal)} | ${dollars(perMillion)} | ${dollars(total)} | ${dollars(perMillionAll)} |`;
    }),
  );
  return [
    '| events a month | per request | fixed | per million events, on top | together | per million, all in |',
    '| ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n');
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number above 0, not ${JSON.stringify(text)}`);
  return value;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      env: { type: 'string', default: 'prod' },
      'events-per-month': { type: 'string', default: '100000000' },
      batch: { type: 'string', default: '100' },
      table: { type: 'boolean', default: false },
    },
  });
  const { region } = environmentConfig(values.env);
  if (values.table) {
    console.log(costTable(values.env));
    return;
  }
  const workload = { eventsPerMonth: positive('events-per-month', values['events-per-month']), batch: positive('batch', values.batch) };
  if (workload.batch > 1000) throw new Error('--batch is at most 1000: the API takes no more events in one request');
  const inputs = costInputs(region);
  console.log(costText(costReport(values.env, templatesOf(values.env), workload, inputs), inputs));
}

if (import.meta.main) {
  try {
    main();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
