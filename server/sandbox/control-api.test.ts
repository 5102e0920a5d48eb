import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { behaviours } from './behaviours/registry.ts';
import { closeCode, openBench, type Bench } from './client-for-tests.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.sandbox.stop());

async function control(method: string, path: string, body?: unknown) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await fetch(`${bench.sandbox.controlUrl}/_ctl/${path}`, { method, ...sent });
  return { status: answer.status, body: (await answer.json()) as never };
}

describe('the control API', () => {
  it('makes accounts and hands out their auth.json', async () => {
    const made = await control('POST', 'accounts', { name: 'carl', plan: 'pro', percentPerAnswer: 0 });
    expect(made.body).toMatchObject({ name: 'carl', plan: 'pro', authJson: expect.stringContaining('"access_token"') });
    expect(await control('GET', 'accounts')).toMatchObject({ body: [{ name: 'anna' }, { name: 'carl' }] });
  });

  it('scripts an account, and whoever comes next', async () => {
    await control('POST', 'script', { account: 'anna', answers: [{ behaviour: 'F4', kind: 'bad_gateway' }] });
    await control('POST', 'script', { answers: ['for anybody'], always: { behaviour: 'F2' } });
    expect((await bench.ask()).status).toBe(502);
    expect(await (await bench.ask()).text()).toContain('for anybody');
    expect((await bench.ask()).status).toBe(403);
  });

  it('refuses behaviours and options that do not exist', async () => {
    expect((await control('POST', 'script', { answers: [{ behaviour: 'N99' }] })).status).toBe(400);
    expect((await control('POST', 'script', { answers: [{ behaviour: 'N1', colour: 'red' }] })).status).toBe(400);
  });

  it('shows requests and violations', async () => {
    await bench.ask({}, { 'x-forwarded-for': '10.0.0.1' });
    const { body } = await control('GET', 'requests');
    expect(body).toMatchObject([
      { number: 1, kind: 'http', account: 'anna', body: expect.stringContaining('gpt-5.5') },
    ]);
    expect((await control('GET', 'violations')).body).toMatchObject([{ rule: 'forwarding_header' }]);
    expect((await control('GET', 'requests?since=1')).body).toEqual([]);
  });

  it('moves the clock and changes accounts', async () => {
    await control('POST', 'accounts/anna', { windows: [{ minutes: 300, usedPercent: 100, resetsInSeconds: 60 }] });
    expect((await bench.ask()).status).toBe(429);
    await control('POST', 'clock', { advanceMs: 61_000 });
    expect((await bench.ask()).status).toBe(200);
    await control('POST', 'accounts/anna', { expireAccessTokens: true });
    expect((await bench.ask()).status).toBe(401);
  });

  it('lists sockets and closes them', async () => {
    const socket = bench.openSocket();
    await once(socket, 'open');
    const closed = closeCode(socket);
    const { body } = await control('GET', 'sockets');
    const [{ number }] = body as [{ number: number }];
    await control('POST', `sockets/${number}/close`, { code: 4000 });
    expect(await closed).toBe(4000);
  });

  it('lists every behaviour of the wire spec', async () => {
    const numbered = (letter: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);
    const ids = [...numbered('N', 14), ...numbered('F', 12), ...numbered('W', 7), ...numbered('A', 14)];
    expect(Object.keys(behaviours)).toEqual(expect.arrayContaining(ids));
    const { body } = await control('GET', 'behaviours');
    expect(body).toHaveLength(Object.keys(behaviours).length);
  });
});

describe('the sandbox as a process', () => {
  it('says when it is ready and stops when told', async () => {
    const main = fileURLToPath(new URL('./main.ts', import.meta.url));
    const child = spawn(process.execPath, [main, '--accounts', 'anna,ben'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const ready = JSON.parse(line.toString()) as { ready: boolean; controlUrl: string };
    expect(ready).toMatchObject({ ready: true });
    const accounts = await (await fetch(`${ready.controlUrl}/_ctl/accounts`)).json();
    expect(accounts).toMatchObject([{ name: 'anna' }, { name: 'ben' }]);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
