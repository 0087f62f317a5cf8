import { parseArgs } from 'node:util';
import { DEAD_LETTER_REASON_WORDS, DEAD_LETTER_REASONS, type DeadLetterReason } from '#kernel/dead-letter-reasons.ts';
import { nearest } from '#kernel/nearest.ts';
import { DLQ_TOPICS, parseLetterId } from '#platform/event-log/dead-letter.ts';
import type { DlqName } from '#platform/event-log/topics.ts';
import { UsageError } from '../usage-error.ts';

interface Selection {
  readonly topics: readonly DlqName[];
  readonly tenantId?: string;
  readonly reason: DeadLetterReason | null;
}
export type ListCommand = Selection & { readonly action: 'list'; readonly limit: number; readonly status: 'open' | 'redriven' | 'all' };
export type RedriveCommand = Selection & {
  readonly action: 'redrive';
  readonly ids: readonly string[];
  readonly dryRun: boolean;
  readonly again: boolean;
};
export type ShowCommand = Omit<Selection, 'reason'> & { readonly action: 'show'; readonly id: string };
export interface PractiseCommand {
  readonly action: 'practise';
}
export type DlqCommand = ListCommand | RedriveCommand | ShowCommand | PractiseCommand;

export const DLQ_USAGE = `npm run dlq -- list [--topic events] [--reason bad_json] [--tenant tenant_...] [--status open|redriven|all] [--limit 50]
npm run dlq -- show <topic>:<partition>:<offset>
npm run dlq -- redrive [--topic events] [--reason bad_json] [--tenant tenant_...] [<topic>:<partition>:<offset> ...] [--again] [--dry-run]
npm run dlq -- practise

Topics: ${DLQ_TOPICS.map((topic) => topic.replace('.dlq', '')).join(', ')}; all of them when none is named.
Reasons:
${Object.entries(DEAD_LETTER_REASONS)
  .map(([reason, meaning]) => `  ${reason.padEnd(24)} ${meaning}`)
  .join('\n')}
A letter that was driven before is left alone, unless --again.
practise makes two letters in a Local Mode, to try the others on: one that can never be stored, and one that can.
The commands work beside a Local Mode, or with the variables of a process of the product.`;

const OPTIONS = {
  topic: { type: 'string' },
  reason: { type: 'string' },
  tenant: { type: 'string' },
  status: { type: 'string' },
  limit: { type: 'string' },
  again: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;
const ALLOWED: Readonly<Record<DlqCommand['action'], readonly string[]>> = {
  practise: [],
  list: ['topic', 'reason', 'tenant', 'status', 'limit'],
  show: [],
  redrive: ['topic', 'reason', 'tenant', 'again', 'dry-run'],
};

/** The arguments behind `npm run dlq --`; null when they ask for help. Throws UsageError. */
export function parseDlqArguments(args: readonly string[]): DlqCommand | null {
  const {
    values,
    positionals: [action = '', ...rest],
  } = parsed(args);
  if (values.help === true) return null;
  if (action !== 'list' && action !== 'show' && action !== 'redrive' && action !== 'practise')
    throw new UsageError(action === '' ? 'Say what to do.' : `There is no command ${JSON.stringify(action)}.`);
  const strange = Object.keys(values).find((name) => !ALLOWED[action].includes(name));
  if (strange !== undefined) throw new UsageError(`${action} does not take --${strange}.`);
  if ((action === 'list' || action === 'practise') && rest.length > 0)
    throw new UsageError(`${action} takes no ${JSON.stringify(rest[0])}.`);
  if (action === 'show' && rest.length !== 1) throw new UsageError('show takes one <topic>:<partition>:<offset>.');
  const bad = rest.find((id) => parseLetterId(id) === null);
  if (bad !== undefined) throw new UsageError(`${JSON.stringify(bad)} is not the place of a letter, such as events:0:17.`);
  const selection = {
    topics: topicsOf(values.topic),
    ...(values.tenant === undefined ? {} : { tenantId: values.tenant }),
    reason: reasonOf(values.reason),
  };
  switch (action) {
    case 'list':
      return { action, ...selection, status: statusOf(values.status), limit: limitOf(values.limit) };
    case 'practise':
      return { action };
    case 'show':
      return { action, topics: DLQ_TOPICS, id: rest[0] ?? '' };
    case 'redrive': {
      if (rest.length > 0 && (values.reason ?? values.topic ?? values.tenant) !== undefined)
        throw new UsageError('Name either letters or what they have in common.');
      return { action, ...selection, ids: rest, dryRun: values['dry-run'] ?? false, again: values.again ?? false };
    }
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function topicsOf(name: string | undefined): readonly DlqName[] {
  if (name === undefined) return DLQ_TOPICS;
  const topic = DLQ_TOPICS.find((each) => each === name || each === `${name}.dlq`);
  if (topic === undefined) throw new UsageError(`There is no topic ${JSON.stringify(name)}.`);
  return [topic];
}

function reasonOf(word: string | undefined): DeadLetterReason | null {
  if (word === undefined) return null;
  const reason = DEAD_LETTER_REASON_WORDS.find((each) => each === word);
  if (reason === undefined) {
    const near = nearest(word, DEAD_LETTER_REASON_WORDS);
    throw new UsageError(`There is no reason ${JSON.stringify(word)}${near === undefined ? '.' : `; did you mean ${near}?`}`);
  }
  return reason;
}

function statusOf(text: string | undefined): ListCommand['status'] {
  if (text === undefined || text === 'open') return 'open';
  if (text === 'redriven' || text === 'all') return text;
  throw new UsageError('--status is open, redriven or all.');
}

function limitOf(text: string | undefined): number {
  const limit = Number(text ?? 50);
  if (!Number.isInteger(limit) || limit < 1) throw new UsageError('--limit is a whole number from 1 on.');
  return limit;
}
