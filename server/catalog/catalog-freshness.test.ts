import { describe, expect, it } from 'vitest';
import { createHandMovedClock } from '../../test/support/one-installation.ts';
import { quietLog } from '../../test/support/quiet-log.ts';
import { createCatalogFreshness } from './catalog-freshness.ts';
import { unionCatalog } from './union-catalog.ts';

const never = new AbortController().signal;
const body = Buffer.from('{"models":[]}');

/** One account, whose list is what was stored last. */
function oneAccount(stored: { etag: string; fetchedAt: Date } | null = null) {
  const clock = createHandMovedClock();
  let held = stored;
  const readings: { answers(etag: string): Promise<void>; fails(): Promise<void> }[] = [];
  const freshness = createCatalogFreshness({
    catalog: {
      modelsOf: () => null,
      reload: async () => undefined,
      fetchedAt: () => held?.fetchedAt ?? null,
      unionOf: () => unionCatalog(held ? [{ accountId: 'anna', body, etag: held.etag }] : []),
    },
    accountIds: () => ['anna'],
    read: () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const over = () => freshness.stop();
      readings.push({
        async answers(etag) {
          held = { etag, fetchedAt: clock.now() };
          resolve();
          await over();
        },
        async fails() {
          reject(new Error('no answer'));
          await over();
        },
      });
      return promise;
    },
    clock,
    log: quietLog,
  });
  return { clock, freshness, readings };
}

const yesterday = () => new Date(Date.now() - 24 * 3_600_000);

describe('a model list', () => {
  it('is read again when an answer names another ETag, and not while it is the one held', async () => {
    const { freshness, readings } = oneAccount({ etag: 'a', fetchedAt: new Date() });
    freshness.noticed('anna', 'a');
    expect(readings).toHaveLength(0);
    freshness.noticed('anna', 'b');
    await readings[0]?.answers('b');
    freshness.noticed('anna', 'b');
    expect(readings).toHaveLength(1);
  });

  it('is read once for answers that all name an ETag which reading does not bring, until a minute has passed', async () => {
    const { clock, freshness, readings } = oneAccount({ etag: 'a', fetchedAt: new Date() });
    freshness.noticed('anna', 'b');
    freshness.noticed('anna', 'b');
    await readings[0]?.answers('a');
    clock.advance(59_999);
    freshness.noticed('anna', 'c');
    expect(readings).toHaveLength(1);
    clock.advance(1);
    freshness.noticed('anna', 'c');
    expect(readings).toHaveLength(2);
  });

  it('that changes right after it was read for its age is noticed by the next answer', async () => {
    const { freshness, readings } = oneAccount({ etag: 'a', fetchedAt: yesterday() });
    const reading = freshness.readOld(never);
    await readings[0]?.answers('a');
    expect(await reading).toBe(1);
    freshness.noticed('anna', 'b');
    expect(readings).toHaveLength(2);
  });

  it('that changes while it is being read is noticed by the next answer', async () => {
    const { freshness, readings } = oneAccount({ etag: 'a', fetchedAt: yesterday() });
    const reading = freshness.readOld(never);
    freshness.noticed('anna', 'b');
    expect(readings).toHaveLength(1);
    await readings[0]?.answers('a');
    await reading;
    freshness.noticed('anna', 'b');
    expect(readings).toHaveLength(2);
  });

  it('that changes right after its account served for the first time is noticed by the next answer', async () => {
    const { freshness, readings } = oneAccount();
    freshness.noticed('anna', 'a');
    await readings[0]?.answers('a');
    freshness.noticed('anna', 'b');
    expect(readings).toHaveLength(2);
  });

  it('that was read by a clock which has been set back since is read again by the turn', async () => {
    const { freshness, readings } = oneAccount({ etag: 'a', fetchedAt: new Date(Date.now() + 30 * 86_400_000) });
    const reading = freshness.readOld(never);
    await readings[0]?.answers('b');
    expect(await reading).toBe(1);
  });

  it('that was never read is asked for once a minute by answers, and by the turn whenever it comes', async () => {
    const { freshness, readings } = oneAccount();
    freshness.noticed('anna', 'a');
    await readings[0]?.fails();
    freshness.noticed('anna', 'a');
    expect(readings).toHaveLength(1);
    const reading = freshness.readOld(never);
    await readings[1]?.fails();
    expect(await reading).toBe(1);
  });
});
