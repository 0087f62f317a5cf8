import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['shared', 'functions', 'workers', 'local', 'infra', 'scripts', 'test'].map((folder) => `${folder}/**/*.test.ts`),
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/reporter.ts'],
    // Processes of their own: native modules and signal handlers do not survive worker threads.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
