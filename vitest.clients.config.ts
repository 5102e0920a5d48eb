import { defineConfig } from 'vitest/config';

/** Real clients against the real server process: `npm run test:clients`. The first run installs the clients. */
export default defineConfig({
  test: {
    include: ['test/clients/**/*.test.ts'],
    // Started only for those that need the gateway in their own process, to move its clock.
    globalSetup: ['test/support/postgres-cluster.ts'],
    testTimeout: 90_000,
    // The first hook installs two clients, which npm may take five minutes each for.
    hookTimeout: 630_000,
    // A poll ends when what it waits for is there: its limit is for a machine that is busy with other files.
    expect: { poll: { timeout: 15_000 } },
    pool: 'forks',
    fileParallelism: false,
  },
});
