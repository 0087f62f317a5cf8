import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import type { Figures, Measurement } from './figures.ts';

/** What kind of machine a run was on: figures of two runs compare only within one class. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGib: number;
  readonly node: string;
  readonly platform: string;
  readonly loadAverage: number;
}

export function machine(): Machine {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    loadAverage: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
}

/** The machine in a line. The load average is what others did on it before the run began. */
export function machineLine({ cores, processor, memoryGib, node, platform, loadAverage }: Machine): string {
  return `${cores} cores (${processor}), ${memoryGib} GiB, ${platform}, Node ${node}, load average ${loadAverage} before the run`;
}

const HEADINGS = ['', 'ratio', 'rate', 'p50', 'p99', 'CPU each', 'against', 'rate', 'p50', 'p99', 'CPU each'] as const;

/** An aligned table: ours on the left, what it is held against on the right. */
export function table(measurements: readonly Measurement[]): string {
  const rows = [
    HEADINGS,
    ...measurements.map((item) => [
      item.name,
      ratio(item.ratio),
      ...cells(item.ours, item.unit),
      item.against,
      ...cells(item.reference, item.unit),
    ]),
  ];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const isText = (column: number): boolean => column === 0 || column === 6;
  return rows
    .map((row) =>
      row
        .map((cell, column) => (isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cells({ perSecond, p50, p99, cpuMs }: Figures, unit: Measurement['unit']): [string, string, string, string] {
  const milliseconds = (value: number | undefined): string => (value === undefined ? '' : `${value.toFixed(1)} ms`);
  return [
    perSecond === undefined ? '' : `${Math.round(perSecond).toLocaleString('en-US')} ${unit}/s`,
    milliseconds(p50),
    milliseconds(p99),
    cpuMs === undefined ? '' : `${cpuMs.toFixed(4)} ms`,
  ];
}

function ratio(value: number): string {
  return value < 0.1 ? value.toFixed(3) : value.toFixed(2);
}
