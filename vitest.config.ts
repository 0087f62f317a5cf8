import { defineConfig } from 'vitest/config';

const FOLDERS = ['shared', 'functions', 'workers', 'local', 'infra', 'scripts', 'test'];
/** Files that change their own process or hurt others: each has a process to itself. */
const ALONE = ['functions', 'local', 'scripts', 'workers', 'test/crash', 'test/e2e', 'test/reliability', 'shared/platform/observability'];

const testsIn = (folders: readonly string[]) => folders.map((folder) => `${folder}/**/*.test.ts`);
const common = {
  // Processes and not threads: native modules and signal handlers do not survive those.
  pool: 'forks' as const,
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/reporter.ts'],
    maxWorkers: 2,
    projects: [
      // The sources are loaded once per process instead of once per file: that is half of what most files take.
      { test: { ...common, name: 'together', isolate: false, include: testsIn(FOLDERS), exclude: testsIn(ALONE) } },
      { test: { ...common, name: 'alone', include: testsIn(ALONE) } },
    ],
  },
});
