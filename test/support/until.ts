/** Waiting for what nothing announces to a test: a session of the database, or what another process has read by now. */

/** Asks again and again until it holds. How long that may take is the test's own limit. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}
