import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['server/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts'],
    exclude: ['test/clients/**', 'node_modules/**'],
    globalSetup: ['test/support/postgres-cluster.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // A poll ends when what it waits for is there: its limit is for a machine that is busy with other files.
    expect: { poll: { timeout: 15_000 } },
    pool: 'forks',
  },
});
