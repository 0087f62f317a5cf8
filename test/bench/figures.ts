/** What was measured of one side: things per second, and milliseconds that one of them took. */
export interface Figures {
  readonly perSecond?: number;
  readonly p50?: number;
  readonly p99?: number;
  /** Processor time of the server for one of them, in milliseconds. */
  readonly cpuMs?: number;
}

/** One line of the report: the product beside what it is held against, measured in the same run. */
export interface Measurement {
  readonly name: string;
  /** What `perSecond` counts; absent where only latency is measured. */
  readonly unit?: 'events' | 'rows' | 'requests';
  readonly ours: Figures;
  readonly against: string;
  readonly reference: Figures;
  /** Ours over the reference: of the rates where there are some, else of the median latencies. */
  readonly ratio: number;
}

export function measurement(name: string, ours: Figures, against: string, reference: Figures, unit?: Measurement['unit']): Measurement {
  const ratio = unit === undefined ? (ours.p50 ?? 0) / (reference.p50 ?? 0) : (ours.perSecond ?? 0) / (reference.perSecond ?? 0);
  return { name, ours, against, reference, ratio, ...(unit === undefined ? {} : { unit }) };
}

/** Median and 99th percentile (nearest rank) of durations in milliseconds. */
export function percentiles(durations: readonly number[]): { p50: number; p99: number } {
  if (durations.length === 0) throw new Error('nothing was measured');
  const sorted = durations.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] as number;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Runs the work and says how long it took, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
