import { parseArgs } from 'node:util';
import { DLQ_TOPICS, parseLetterId } from '#platform/event-log/dead-letter.ts';
import type { DlqName } from '#platform/event-log/topics.ts';
import { UsageError } from '../usage-error.ts';

interface Selection {
  readonly topics: readonly DlqName[];
  readonly tenantId?: string;
  readonly reason: string | null;
}
export type ListCommand = Selection & { readonly action: 'list'; readonly limit: number; readonly status: 'open' | 'redriven' | 'all' };
export type RedriveCommand = Selection & {
  readonly action: 'redrive';
  readonly ids: readonly string[];
  readonly dryRun: boolean;
  readonly again: boolean;
};
export type ShowCommand = Omit<Selection, 'reason'> & { readonly action: 'show'; readonly id: string };
export type DlqCommand = ListCommand | RedriveCommand | ShowCommand;

export const DLQ_USAGE = `npm run dlq -- list [--topic events] [--reason bad_json] [--tenant tenant_...] [--status open|redriven|all] [--limit 50]
npm run dlq -- show <topic>:<partition>:<offset>
npm run dlq -- redrive [--topic events] [--reason bad_json] [--tenant tenant_...] [<topic>:<partition>:<offset> ...] [--again] [--dry-run]

Topics: ${DLQ_TOPICS.map((topic) => topic.replace('.dlq', '')).join(', ')}; all of them when none is named.
A letter that was driven before is left alone, unless --again.`;

const OPTIONS = {
  topic: { type: 'string' },
  reason: { type: 'string' },
  tenant: { type: 'string' },
  status: { type: 'string' },
  limit: { type: 'string' },
  again: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
} as const;
const ALLOWED: Readonly<Record<DlqCommand['action'], readonly string[]>> = {
  list: ['topic', 'reason', 'tenant', 'status', 'limit'],
  show: [],
  redrive: ['topic', 'reason', 'tenant', 'again', 'dry-run'],
};

/** The arguments behind `npm run dlq --`. Throws UsageError. */
export function parseDlqArguments(args: readonly string[]): DlqCommand {
  const {
    values,
    positionals: [action = '', ...rest],
  } = parsed(args);
  if (action !== 'list' && action !== 'show' && action !== 'redrive')
    throw new UsageError(action === '' ? 'Say what to do.' : `There is no command ${JSON.stringify(action)}.`);
  const strange = Object.keys(values).find((name) => !ALLOWED[action].includes(name));
  if (strange !== undefined) throw new UsageError(`${action} does not take --${strange}.`);
  if (action === 'list' && rest.length > 0) throw new UsageError(`list takes no ${JSON.stringify(rest[0])}.`);
  if (action === 'show' && rest.length !== 1) throw new UsageError('show takes one <topic>:<partition>:<offset>.');
  const bad = rest.find((id) => parseLetterId(id) === null);
  if (bad !== undefined) throw new UsageError(`${JSON.stringify(bad)} is not the place of a letter, such as events:0:17.`);
  const selection = {
    topics: topicsOf(values.topic),
    ...(values.tenant === undefined ? {} : { tenantId: values.tenant }),
    reason: values.reason ?? null,
  };
  switch (action) {
    case 'list':
      return { action, ...selection, status: statusOf(values.status), limit: limitOf(values.limit) };
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
