import { statSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import type { ImportOptions } from './arguments.ts';
import { eventOf } from './event.ts';
import { type FilePlace, readRows } from './rows.ts';
import { type Reject, rejectOf, type SendItem, sendEvents } from './send.ts';
import { openProgress, rejectsFileOf, stateFileOf } from './state.ts';

export interface ImportResult {
  readonly accepted: number;
  readonly rejected: number /** False when it was told to stop before. */;
  readonly finished: boolean;
}

/** A request stays below what gateways and functions take. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** Rows that travel together, and those of them that are no event. */
interface Batch {
  readonly items: SendItem[];
  readonly rejects: Reject[];
  end: FilePlace;
  bytes: number;
}
interface InHand {
  readonly batch: Batch;
  readonly sent: Promise<void>;
  refused: Reject[] | null;
}

/** Sends the rest of a file, batch by batch, several at a time. Progress is noted for what is done without a gap from the front, so a killed run loses nothing. */
export async function runImport(
  options: ImportOptions,
  {
    signal,
    say,
    showProgress = true,
  }: { readonly signal?: AbortSignal; readonly say: (text: string) => void; readonly showProgress?: boolean },
): Promise<ImportResult> {
  const { file, format, url, key, mapping, batch: size, concurrency } = options;
  const progress = openProgress(file, url);
  const total = statSync(file).size;
  if (progress.resumed)
    say(progress.state.bytes >= total ? `${file} was imported before.` : `Going on behind line ${progress.state.lines}.`);
  const bar = new SingleBar({
    format: '  [{bar}] {percentage}%  {accepted} accepted, {rejected} refused  {eta_formatted}',
    barsize: 32,
    hideCursor: true,
    noTTYOutput: showProgress,
    notTTYSchedule: 5_000,
  });
  const shown = (): { accepted: number; rejected: number } => ({ accepted: progress.state.accepted, rejected: progress.state.rejected });
  bar.start(Math.max(total, 1), progress.state.bytes, shown());

  /** The first failure; the others only follow from it. */
  let failure: unknown;
  const failing = new AbortController();
  const inHand: InHand[] = [];
  /** Everything done at the front of the line is noted, in the order of the file. */
  const settle = (): void => {
    for (let first = inHand[0]; first?.refused; first = inHand[0]) {
      inHand.shift();
      const rejects = [...first.batch.rejects, ...first.refused].sort((a, b) => a.line - b.line);
      progress.advance(first.batch.end, first.batch.items.length - first.refused.length, rejects);
      bar.update(progress.state.bytes, shown());
    }
  };
  const send = (batch: Batch): void => {
    const entry: InHand = {
      batch,
      refused: null,
      sent: sendEvents(batch.items, { url, key, signal: failing.signal }).then((refused) => {
        entry.refused = refused;
        settle();
      }),
    };
    entry.sent.catch((error: unknown) => {
      failure ??= error;
      failing.abort();
    });
    inHand.push(entry);
  };

  try {
    for await (const batch of batches()) {
      send(batch);
      // One place becomes free whichever of them is done; one that failed ends it.
      while (inHand.filter(({ refused }) => refused === null).length >= concurrency)
        await Promise.race(inHand.filter(({ refused }) => refused === null).map(({ sent }) => sent));
      if (signal?.aborted || failing.signal.aborted) break;
    }
    await Promise.all(inHand.map(({ sent }) => sent));
  } catch (error) {
    // Those that are still under way are waited for: what they achieve counts.
    await Promise.allSettled(inHand.map(({ sent }) => sent));
    throw failure ?? error;
  } finally {
    bar.stop();
  }
  const { accepted, rejected, bytes, lines } = progress.state;
  const finished = bytes >= total || !signal?.aborted;
  say(
    [
      `${finished ? 'Imported' : 'Stopped behind line'} ${finished ? counted(lines, 'line') : lines} of ${file}: ${counted(accepted, 'event')} accepted, ${counted(rejected, 'line')} refused.`,
      ...(rejected > 0 ? [`The refused lines and why: ${rejectsFileOf(file)}`] : []),
      ...(finished ? [] : ['The same command goes on.']),
      `State: ${stateFileOf(file)}`,
    ].join('\n'),
  );
  return { accepted, rejected, finished };

  async function* batches(): AsyncGenerator<Batch, void, undefined> {
    let batch: Batch | undefined;
    for await (const { line, content, row, problem, end } of readRows(file, format, progress.state)) {
      batch ??= { items: [], rejects: [], end, bytes: 0 };
      batch.end = end;
      batch.bytes += content.length;
      try {
        if (row === null) throw new Error(problem);
        batch.items.push({ line, content, event: eventOf(row, mapping, line, content) });
      } catch (error) {
        batch.rejects.push(rejectOf({ line, content }, [{ field: 'line', reason: (error as Error).message }]));
      }
      if (batch.items.length + batch.rejects.length >= size || batch.bytes >= BATCH_BYTES) {
        yield batch;
        batch = undefined;
      }
    }
    if (batch !== undefined) yield batch;
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
