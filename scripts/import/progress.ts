import { SingleBar } from 'cli-progress';

export interface Counts {
  readonly accepted: number;
  readonly rejected: number;
}

export interface Progress {
  /** How far it has come. What ends at once shows nothing. */
  show(done: number, counts: Counts): void;
  /** Prints something that stays, without a bar across it. */
  above(print: () => void): void;
  stop(): void;
}

/** Where nobody watches, a line now and then. */
const LINE_EVERY_MS = 5_000;

/** Shows on standard error how much of `total` bytes is done: a bar on a terminal, else a line every few seconds. */
export function showProgress(
  total: number,
  { stream = process.stderr, now = () => performance.now() }: { readonly stream?: NodeJS.WriteStream; readonly now?: () => number } = {},
): Progress {
  return stream.isTTY ? barOn(stream, total) : linesOn(stream, total, now);
}

/** Shows nothing. */
export const SILENT: Progress = { show: () => undefined, above: (print) => print(), stop: () => undefined };

function barOn(stream: NodeJS.WriteStream, total: number): Progress {
  let bar: SingleBar | undefined;
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    show(done, counts) {
      if (done >= total) return stop();
      if (bar !== undefined) return bar.update(done, counts);
      bar = new SingleBar({
        stream,
        format: '  [{bar}] {percentage}%  {accepted} accepted, {rejected} refused, about {eta_formatted} left',
        barsize: 32,
        hideCursor: true,
        clearOnComplete: true,
      });
      bar.start(total, done, counts);
    },
    above(print) {
      stop();
      print();
    },
    stop,
  };
}

function linesOn(stream: NodeJS.WriteStream, total: number, now: () => number): Progress {
  let last = now();
  return {
    show(done, { accepted, rejected }) {
      if (done >= total || now() - last < LINE_EVERY_MS) return;
      last = now();
      stream.write(`  ${Math.floor((done * 100) / total)}%  ${accepted} accepted, ${rejected} refused\n`);
    },
    above: (print) => print(),
    stop: () => undefined,
  };
}
