import { statSync } from 'node:fs';
import type { ImportOptions } from './arguments.ts';
import { eventOf, hasTimestamps, isBlank, RefusedLine, targetOf } from './event.ts';
import { LineIds } from './line-ids.ts';
import { type Progress, SILENT } from './progress.ts';
import { columnsOf, type FilePlace, readRows } from './rows.ts';
import { type Api, ImportFailed, knock, type Reject, rejectOf, type SendItem, sendEvents } from './send.ts';
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
    progressOf = () => SILENT,
  }: { readonly signal?: AbortSignal; readonly say: (text: string) => void; readonly progressOf?: (total: number) => Progress },
): Promise<ImportResult> {
  const { file, format, url, key, mapping, batch: size, concurrency } = options;
  say(`${file} goes to ${url}.`);
  const { timed } = await firstLook(options);
  await knock({ url, key });
  const progress = openProgress(file, { url, key });
  const total = statSync(file).size;
  const ids = new LineIds(file, format, progress.state);
  if (progress.resumed)
    say(progress.state.bytes >= total ? `${file} was imported before.` : `Going on behind line ${progress.state.lines}.`);
  const shown = progressOf(Math.max(total, 1));
  const weather = weatherReport(url, (text) => shown.above(() => say(text)));

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
      shown.show(progress.state.bytes, progress.state);
    }
  };
  const send = (batch: Batch): void => {
    const entry: InHand = {
      batch,
      refused: null,
      sent: sendEvents(batch.items, { url, key, signal: failing.signal, ...weather }).then((refused) => {
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
    shown.stop();
  }
  const { accepted, rejected, bytes, lines } = progress.state;
  const finished = bytes >= total || !signal?.aborted;
  say(
    [
      `${finished ? `Imported ${counted(accepted + rejected, 'line')}` : `Stopped behind line ${lines}`} of ${file}: ${counted(accepted, 'event')} accepted, ${counted(rejected, 'line')} refused.`,
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
        if (row === null) throw new RefusedLine(problem ?? 'cannot be read');
        const event = eventOf(row, mapping, timed);
        batch.items.push({ line, content, event: isBlank(event.event_id) ? { ...event, event_id: await ids.next(row) } : event });
      } catch (error) {
        if (!(error instanceof RefusedLine)) throw error;
        batch.rejects.push(rejectOf({ line, content }, [{ field: error.field, reason: error.message }]));
      }
      if (batch.items.length + batch.rejects.length >= size || batch.bytes >= BATCH_BYTES) {
        yield batch;
        batch = undefined;
      }
    }
    if (batch !== undefined) yield batch;
  }
}

/** What the front of a file says about all of it. Throws ImportFailed for columns that were named and are not there. */
async function firstLook({ file, format, mapping }: ImportOptions): Promise<{ readonly timed: boolean }> {
  const columns = format === 'csv' ? await columnsOf(file) : null;
  if (columns !== null) {
    const strange = [...mapping.columns.keys(), ...mapping.texts].find((column) => !columns.includes(column));
    if (strange !== undefined)
      throw new ImportFailed(`${file} has no column ${JSON.stringify(strange)}; its columns are: ${columns.join(', ')}.`);
    const targets = columns.map((column) => targetOf(column, mapping)).filter((target) => target !== '-');
    const twice = targets.find((target, index) => targets.indexOf(target) !== index);
    if (twice !== undefined) throw new ImportFailed(`${file} has several columns for ${twice}. --map column=- leaves one out.`);
    return { timed: targets.includes('timestamp') };
  }
  for await (const { row } of readRows(file, format, { bytes: 0, lines: 0 })) {
    try {
      return { timed: row !== null && hasTimestamps(row, mapping) };
    } catch {
      // no event, which its turn will show; the next line tells
    }
  }
  return { timed: false };
}

/** Says that the API is away and when it is asked again, once and not for each of the requests that wait for it; and that it is back, when none waits any more. */
function weatherReport(url: string, say: (text: string) => void): Required<Pick<Api, 'onLost' | 'onFound'>> {
  let quietUntil = 0;
  let waiting = 0;
  return {
    onLost(reason, seconds, again) {
      if (!again) waiting += 1;
      if (performance.now() < quietUntil) return;
      quietUntil = performance.now() + seconds * 1000;
      say(`${url} does not take events: ${reason}. Trying again in ${Math.ceil(seconds)} s.`);
    },
    onFound() {
      waiting -= 1;
      if (waiting === 0) say('It takes events again.');
    },
  };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
