import { isUtf8 } from 'node:buffer';
import type { DeadLetterDesk, ListedLetter } from '#ingestion/service/dead-letters.ts';
import { letterId } from '#platform/event-log/dead-letter.ts';
import { CONTENT, HEADERS } from '#platform/event-log/topics.ts';
import type { ListCommand } from './arguments.ts';

const COLUMNS = ['letter', 'failed at', 'reason', 'tenant', 'environment', 'why'] as const;
const WHY_LENGTH = 80;
const PAGE = 200;

/** A table of letters, and below it how many of which reason. */
export async function printLetters(desk: Pick<DeadLetterDesk, 'list'>, { limit, reason, status }: ListCommand): Promise<string> {
  const letters: ListedLetter[] = [];
  let more = false;
  for (let from = new Map() as NonNullable<Awaited<ReturnType<DeadLetterDesk['list']>>['next']>; ; ) {
    const page = await desk.list({ status, reason, limit: Math.min(PAGE, limit - letters.length), from });
    letters.push(...page.letters);
    more = page.next !== null;
    if (page.next === null || letters.length >= limit) break;
    from = page.next;
  }
  if (letters.length === 0)
    return `There are no ${status === 'all' ? '' : `${status} `}dead letters${reason === null ? '' : ` with the reason ${reason}`}.`;
  const counts = [...Map.groupBy(letters, ({ letter }) => letter.reason)].map(([name, of]) => `${of.length} ${name}`).join(', ');
  return `${table(letters.map(rowOf))}\n\n${letters.length} ${letters.length === 1 ? 'letter' : 'letters'}: ${counts}${more ? '. There may be more: --limit shows them' : ''}`;
}

/** One letter: what is known of it, its headers, and its content, an event per line. */
export function printLetter({ letter, redrive }: ListedLetter): string {
  const { headers } = letter;
  const origin = `${headers[HEADERS.originTopic] ?? '?'}:${headers[HEADERS.originPartition] ?? '?'}:${headers[HEADERS.originOffset] ?? '?'}${headers[HEADERS.originLine] === undefined ? '' : `, line ${headers[HEADERS.originLine]}`}`;
  const facts = {
    letter: letterId(letter),
    state: redrive === null ? 'open' : `driven again at ${redrive.redrivenAt.toISO()} by ${redrive.redrivenBy}`,
    reason: letter.reason,
    why: letter.detail,
    'failed at': headers[HEADERS.failedAt] ?? '',
    'stood at': origin,
    key: letter.key,
  };
  return [
    ...Object.entries(facts).map(([name, value]) => `${name.padEnd(10)}${visible(value)}`),
    '',
    'headers',
    ...Object.entries(headers).map(([name, value]) => `  ${name.padEnd(18)}${visible(value)}`),
    '',
    `content (${letter.value.length} bytes)`,
    ...contentOf(letter.value, headers[HEADERS.content]),
  ].join('\n');
}

function rowOf({ letter, redrive }: ListedLetter): string[] {
  const { headers } = letter;
  const why = `${redrive === null ? '' : '(driven again) '}${letter.detail}`;
  return [
    letterId(letter),
    headers[HEADERS.failedAt]?.slice(0, 19) ?? '',
    letter.reason,
    headers[HEADERS.tenantId] ?? '-',
    headers[HEADERS.environmentId] ?? '-',
    why.length > WHY_LENGTH ? `${why.slice(0, WHY_LENGTH - 1)}…` : why,
  ].map(visible);
}

function table(rows: readonly string[][]): string {
  const all = [[...COLUMNS], ...rows];
  const widths = COLUMNS.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function contentOf(value: Buffer, content: string | undefined): string[] {
  if (!isUtf8(value)) return [`  no text, in base64: ${value.toString('base64')}`];
  const lines = value
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.flatMap((line) =>
    content === CONTENT.eventPack || content === CONTENT.systemEvent ? indented(line) : [`  ${visible(line)}`],
  );
}

/** A line of JSON over several lines; one that is none as it stands. */
function indented(line: string): string[] {
  try {
    const parsed: unknown = JSON.parse(line);
    // Properties travel as JSON text within the JSON.
    const inner =
      typeof parsed === 'object' && parsed !== null && 'properties' in parsed && typeof parsed.properties === 'string'
        ? { ...parsed, properties: JSON.parse(parsed.properties) as unknown }
        : parsed;
    return JSON.stringify(inner, null, 2)
      .split('\n')
      .map((text) => `  ${text}`);
  } catch {
    return [`  ${visible(line)}`];
  }
}

/** Control characters of somebody else's text must not steer the terminal. */
function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
