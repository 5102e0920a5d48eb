import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimDataFolder } from './data-folder/instance-lock.ts';
import { StartProblem } from './data-folder/start-problem.ts';
import { takeTurn } from './take-turn.ts';
import { systemClock } from './world/real-world.ts';
import type { Clock } from './world/world.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'codex-pooler-turn-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** Time passes only by sleeping; `asleep` happens in the meantime. */
function clockThat(asleep: (sleeps: number) => Promise<void> | void): Clock {
  let nowMs = 0;
  let sleeps = 0;
  return {
    ...systemClock,
    monotonicMs: () => nowMs,
    async sleep(ms) {
      nowMs += ms;
      await asleep((sleeps += 1));
    },
  };
}

const claim = () => claimDataFolder(folder, { clock: systemClock });
const nobodySleeps = clockThat(() => expect.unreachable());

describe('a turn on a data folder', () => {
  it('comes at once when nobody is there', async () => {
    const turn = await takeTurn(folder, { clock: nobodySleeps, limitMs: 1000, open: claim, answers: async () => true });
    expect(turn.kind).toBe('opened');
    if (turn.kind === 'opened') await turn.opened.release();
  });

  it('waits for another command to end', async () => {
    const other = await claim();
    const clock = clockThat((sleeps) => (sleeps === 3 ? other.release() : undefined));
    const turn = await takeTurn(folder, { clock, limitMs: 60_000, open: claim, answers: async () => true });
    expect(turn.kind).toBe('opened');
    if (turn.kind === 'opened') await turn.opened.release();
  });

  it('waits for a server that is starting, and then leaves the work to it', async () => {
    const other = await claim();
    const clock = clockThat((sleeps) => (sleeps === 2 ? other.publish({ url: 'http://localhost:4000' }) : undefined));
    const open = () => expect.unreachable();
    const turn = await takeTurn(folder, { clock, limitMs: 60_000, open, answers: async () => true });
    expect(turn).toEqual({ kind: 'served', instance: { pid: process.pid, url: 'http://localhost:4000' } });
    await other.release();
  });

  it('waits for a server that is stopping, and then opens the folder itself', async () => {
    const other = await claim();
    other.publish({ url: 'http://localhost:4000' });
    const clock = clockThat((sleeps) => (sleeps === 2 ? other.release() : undefined));
    const turn = await takeTurn(folder, { clock, limitMs: 60_000, open: claim, answers: async () => false });
    expect(turn.kind).toBe('opened');
    if (turn.kind === 'opened') await turn.opened.release();
  });

  it('tries again when somebody else was faster', async () => {
    let tries = 0;
    const open = async () => {
      tries += 1;
      if (tries === 1) throw new StartProblem('other_instance', { sentence: 'Somebody was faster.' });
      return 'mine';
    };
    const clock = clockThat(() => undefined);
    const turn = await takeTurn(folder, { clock, limitMs: 60_000, open, answers: async () => true });
    expect(turn).toEqual({ kind: 'opened', opened: 'mine' });
  });

  it('gives up after the limit with a sentence that names the other process', async () => {
    const other = await claim();
    const clock = clockThat(() => undefined);
    const turn = takeTurn(folder, { clock, limitMs: 1000, open: claim, answers: async () => true });
    await expect(turn).rejects.toMatchObject({
      code: 'other_instance',
      sentence: expect.stringContaining(String(process.pid)),
    });
    await other.release();
  });

  it('does not wait for any other problem', async () => {
    const open = async () => {
      throw new StartProblem('disk_full', { sentence: 'Full.' });
    };
    const turn = takeTurn(folder, { clock: nobodySleeps, limitMs: 1000, open, answers: async () => true });
    await expect(turn).rejects.toMatchObject({ code: 'disk_full' });
  });
});
