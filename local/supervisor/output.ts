/** What a person at the terminal reads. Details are in the log files. */
export interface Output {
  /** Something that is done, or has changed. */
  step(text: string): void;
  /** Something that needs attention but not action. */
  warn(text: string): void;
  /** Text without decoration. */
  plain(text: string): void;
}

const colour = process.stdout.isTTY && process.env.NO_COLOR === undefined;
const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

export const terminal: Output = {
  step: (text) => process.stdout.write(`  ${paint(32, '✓')} ${text}\n`),
  warn: (text) => process.stdout.write(`  ${paint(33, '!')} ${text}\n`),
  plain: (text) => process.stdout.write(`${text}\n`),
};

export const bold = (text: string): string => paint(1, text);
export const dim = (text: string): string => paint(2, text);
export const red = (text: string): string => paint(31, text);

/** Seconds since `start` (a `performance.now()`), for people. */
export function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
