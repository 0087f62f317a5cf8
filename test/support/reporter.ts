import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/** Prints, after everything else of the run, one line that a machine can read: `Tests: N passed, N failed, N skipped`. */
// biome-ignore lint/style/noDefaultExport: vitest loads reporters by it
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    printLast(countLine(modules, errors));
  }
}

let last: string | undefined;

// At the very end of the process: the run's own summary and the teardown may still print.
function printLast(line: string): void {
  if (last === undefined) process.on('exit', () => process.stdout.write(`${last}\n`));
  last = line;
}

/** A file that did not load, a failed hook and an error outside of any test count as one failed test each. */
export function countLine(modules: readonly TestModule[], errors: readonly SerializedError[]): string {
  const counts = { passed: 0, failed: errors.length, skipped: 0 };
  for (const module of modules) {
    if (module.errors().length > 0) counts.failed += 1;
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) counts.failed += 1;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      counts[state === 'pending' ? 'skipped' : state] += 1;
    }
  }
  return `Tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}
