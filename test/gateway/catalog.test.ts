/** The model list over time and for every key: what clients cache stays true, and answers never contradict it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { askCodex } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';

let installation: Installation;
let gateway: GatewayUnderTest;
let key: string;

beforeAll(async () => {
  installation = await oneInstallation();
  gateway = await installation.open();
  key = await gateway.key();
});
afterAll(() => installation.stop());

const paths = ['/backend-api/codex/models', '/backend-api/codex/v1/models'] as const;

async function list(secret = key, { through = gateway, path = paths[0] as string } = {}) {
  const answer = await fetch(`${through.url}${path}?client_version=0.169.0`, {
    headers: { authorization: `Bearer ${secret}`, 'accept-encoding': 'gzip' },
  });
  return {
    status: answer.status,
    etag: answer.headers.get('etag'),
    headers: answer.headers,
    text: await answer.text(),
  };
}

const slugs = (text: string) => (JSON.parse(text) as { models: { slug: string }[] }).models.map(({ slug }) => slug);

/** The ETag that an answer names, or null. */
async function namedOnAnswer(secret = key, model = 'gpt-5.5'): Promise<string | null> {
  const answer = await askCodex(gateway, secret, { model, thread: `etag-${Math.random()}` });
  await answer.text();
  expect(answer.status).toBe(200);
  return answer.headers.get('x-models-etag');
}

describe('a Pool without accounts', () => {
  it('has a list without models, not an error', async () => {
    for (const path of paths) {
      const { status, text } = await list(key, { path });
      expect([status, text]).toEqual([200, '{"models":[]}']);
    }
  });
});

describe('a Pool of accounts with one and the same list', () => {
  it('serves the bytes and the ETag of the provider, and names that ETag on every answer', async () => {
    const anna = await gateway.link('anna', { percentPerAnswer: 0 });
    const served = await fetch(`${gateway.sandbox.url}/backend-api/codex/models?client_version=0.169.0`, {
      headers: { authorization: `Bearer ${anna.signIn().accessToken}`, 'chatgpt-account-id': anna.id },
    });
    const theirs = await served.text();
    for (const path of paths) {
      const ours = await list(key, { path });
      expect(ours.text).toBe(theirs);
      expect(ours.etag).toBe(served.headers.get('etag'));
      expect(ours.headers.get('content-encoding')).toBeNull();
      expect(ours.headers.get('content-type')).toContain('application/json');
    }
    expect(await namedOnAnswer()).toBe(served.headers.get('etag'));
    await gateway.link('ben', { percentPerAnswer: 0 });
    expect((await list()).text).toBe(theirs);
    for (let answer = 0; answer < 4; answer += 1) expect(await namedOnAnswer()).toBe(served.headers.get('etag'));
  });

  it('names no ETag to a key that is served a list of its own', async () => {
    const narrow = await gateway.key({ allowedModels: ['gpt-5.5'], name: 'narrow' });
    const own = await list(narrow);
    expect(slugs(own.text)).toEqual(['gpt-5.5']);
    expect(own.etag).not.toBe((await list()).etag);
    // Another ETag than the one it was served would make the client fetch the list after every turn.
    expect(await namedOnAnswer(narrow)).toBeNull();
  });

  it('shows a key without any model none', async () => {
    const none = await gateway.key({ allowedModels: [], name: 'none' });
    expect((await list(none)).text).toBe('{"models":[]}');
  });
});

describe('a Pool whose accounts have different lists', () => {
  it('has one ETag for as long as nothing changes, in every process and after a restart', async () => {
    await gateway.link('carl', { plan: 'pro', percentPerAnswer: 0, models: ['gpt-6-luna', 'only-carl'] });
    const first = await list();
    expect(slugs(first.text)).toContain('only-carl');
    expect(slugs(first.text).filter((slug) => slug === 'gpt-6-luna')).toHaveLength(1);
    const second = await installation.open();
    for (const through of [gateway, second, gateway]) {
      const again = await list(key, { through });
      expect([again.etag, again.text]).toEqual([first.etag, first.text]);
    }
    await second.stop();
  });

  it('names no ETag on answers, whoever serves', async () => {
    expect(await namedOnAnswer(key, 'only-carl')).toBeNull();
    expect(await namedOnAnswer(key, 'gpt-5.5')).toBeNull();
  });

  it('changes its ETag with its content, and back', async () => {
    const before = await list();
    await gateway.call(accounts.remove, { account: 'carl' });
    const without = await list();
    expect(slugs(without.text)).not.toContain('only-carl');
    expect(without.etag).not.toBe(before.etag);
    expect(await namedOnAnswer()).toBe(without.etag);
  });
});

describe('a list', () => {
  it('that the provider changes is noticed by the next answer and served from then on', async () => {
    const before = await list();
    for (const name of ['anna', 'ben']) gateway.sandbox.account(name).models(['gpt-5.5', 'brand-new']);
    // An answer names an ETag that is not the one held: the list is read again.
    const read = Promise.all(
      ['anna', 'ben'].map((account) => gateway.sandbox.nextRequest({ path: '/backend-api/codex/models', account })),
    );
    while (!(await isSettled(read))) expect(await namedOnAnswer()).not.toBe(before.etag);
    await untilServed((text) => slugs(text).join() === 'gpt-5.5,brand-new');
    expect(await namedOnAnswer()).toBe((await list()).etag);
  });

  it('needs a key', async () => {
    for (const path of paths) expect((await list('sk-cxp-nobody', { path })).status).toBe(401);
  });
});

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);
}

/** Storing what was read takes a moment after the provider was asked. */
async function untilServed(isIt: (text: string) => boolean): Promise<void> {
  while (!isIt((await list()).text)) await new Promise((resolve) => setImmediate(resolve));
}
