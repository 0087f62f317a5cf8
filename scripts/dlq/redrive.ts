import type { DeadLetterDesk, ListedLetter, LetterPage } from '#ingestion/service/dead-letters.ts';
import { letterId, originOf } from '#platform/event-log/dead-letter.ts';
import type { RedriveCommand } from './arguments.ts';

const PAGE = 200;

/** Drives letters again, page by page, and says what became of each. Letters that fail once more lie behind the end and are not driven in circles. */
export async function redrive(
  desk: DeadLetterDesk,
  { ids, reason, dryRun, again }: RedriveCommand,
  say: (text: string) => void,
): Promise<void> {
  const counts = { driven: 0, before: 0 };
  const take = async (letters: readonly ListedLetter[]): Promise<void> => {
    for (const { letter, redrive: before } of letters.filter((each) => each.redrive !== null && !again))
      say(`${letterId(letter)}  left alone: driven again at ${before?.redrivenAt.toISO()} by ${before?.redrivenBy}`);
    const due = letters.filter((each) => each.redrive === null || again);
    counts.before += letters.length - due.length;
    counts.driven += due.length;
    if (!dryRun) await desk.redriveLetters(due, again);
    for (const { letter } of due) say(`${letterId(letter)}  ${letter.reason}  ${dryRun ? 'would go' : 'went'} to ${originOf(letter)}`);
  };

  if (ids.length > 0) await take(await desk.find([...new Set(ids)]));
  else {
    const until = await desk.ends();
    for (let from: LetterPage['next'] = new Map(); from !== null; ) {
      const page: LetterPage = await desk.list({ status: again ? 'all' : 'open', reason, limit: PAGE, from, until });
      await take(page.letters);
      from = page.next;
    }
  }
  const driven = `${counts.driven} ${counts.driven === 1 ? 'letter' : 'letters'} ${dryRun ? 'would be driven again' : 'driven again'}`;
  say(
    `${counts.driven + counts.before > 0 ? '\n' : ''}${driven}${counts.before === 0 ? '' : `, ${counts.before} left alone: driven before (--again drives them once more)`}.`,
  );
}
