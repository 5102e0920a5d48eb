/** Encrypted reasoning that only its account can open, in conversations that have to move: asked as it is, then without. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { decisions } from '../../server/contract/decisions.ts';
import { askCodex, codexBody, eventsOf, typesOf } from '../support/codex-request.ts';
import { householdForFile } from '../support/household.ts';

type Item = Record<string, unknown>;

const house = householdForFile();
const { threadAt } = house;

/** What came back, and each call the provider got for it. */
async function ask(thread: string, items: readonly Item[] = [], through = house.gateway) {
  const from = house.installation.sandbox.requests.length;
  const answer = await askCodex(through, house.key, { thread, body: bodyOf(thread, items) });
  const text = await answer.text();
  const calls = house.installation.sandbox.requests
    .slice(from)
    .filter(({ path }) => path === '/backend-api/codex/responses')
    .map(({ account, body }) => ({ account, body: body.toString() }));
  return { answer, text, calls };
}

function bodyOf(thread: string, items: readonly Item[]): string {
  return codexBody({ thread, items });
}

/** A turn of the conversation at its account, which thinks. */
async function think(thread: string, items: readonly Item[] = [], through = house.gateway): Promise<Item> {
  for (const account of [house.anna, house.ben]) account.answers({ behaviour: 'N3' });
  const { text } = await ask(thread, items, through);
  for (const account of [house.anna, house.ben]) account.forgetScript();
  return itemsOf(text, 'reasoning')[0]!;
}

function itemsOf(text: string, type: string): Item[] {
  return eventsOf(text)
    .filter((event) => event['type'] === 'response.output_item.done')
    .map((event) => event['item'] as Item)
    .filter((item) => item['type'] === type);
}

async function retryReasonsOf(answer: Response): Promise<(string | null)[]> {
  const id = answer.headers.get('x-request-id');
  await untilSettled(id);
  const { rows } = await sql<{ reason: string | null }>`
    select retry_reason as reason from attempts where request_id = ${id} order by number`.execute(
    house.installation.database.db,
  );
  return rows.map(({ reason }) => reason);
}

/** What decided for each attempt, in order. */
async function groundsOf(answer: Response): Promise<(string | null | undefined)[]> {
  const requestId = answer.headers.get('x-request-id')!;
  const { choices } = await house.gateway.call(decisions.explain, { requestId });
  return choices.map(({ decision }) => decision?.decidedBy);
}

/** Resolves when this request's records are written. */
async function untilSettled(id: string | null): Promise<void> {
  for (let nth = 1; ; nth += 1)
    if ((await house.gateway.logged('exchange_settled', nth)).facts['requestId'] === id) return;
}

describe('a conversation that must move with what its account sealed', () => {
  it('is asked as it is, then once without, every other byte as it was, and goes on', async () => {
    const thread = await threadAt('anna');
    const thoughts = await think(thread);
    house.anna.fails(429, { resetsInSeconds: 600 });
    const { answer, text, calls } = await ask(thread, [thoughts]);
    expect(typesOf(text).at(-1)).toBe('response.completed');
    expect(calls).toEqual([
      { account: 'anna', body: bodyOf(thread, [thoughts]) },
      { account: 'ben', body: bodyOf(thread, [thoughts]) },
      { account: 'ben', body: bodyOf(thread, []) },
    ]);
    expect(await retryReasonsOf(answer)).toEqual(['usage_exhausted', 'sealed_items_left_out', null]);
    expect(await groundsOf(answer)).toEqual(['affinity', 'only_one', 'sealed']);
    const said = house.gateway.log.findLast(({ event }) => event === 'sealed_items_left_out');
    expect(said?.facts).toEqual({
      requestId: answer.headers.get('x-request-id'),
      accountId: house.ben.gatewayId,
      count: 1,
    });
    house.installation.clock.advance(600_000);
  });

  it('stays where it went, without asking in vain again and with all that its new account sealed', async () => {
    const before = await house.installation.open();
    const thread = await threadAt('anna', before);
    const old = await think(thread, [], before);
    house.anna.answers({ behaviour: 'F4', kind: 'server_error' });
    await ask(thread, [old], before);
    const own = await think(thread, [old], before);
    const { calls } = await ask(thread, [old, own], before);
    expect(calls).toEqual([{ account: 'ben', body: bodyOf(thread, [own]) }]);
    await before.stop();
    const after = await house.installation.open();
    expect((await ask(thread, [old, own], after)).calls).toEqual(calls);
    await after.stop();
  });

  it('goes to the account that sealed it where nothing led there', async () => {
    const { thread, thoughts } = await forgottenThread();
    const { calls, text, answer } = await ask(thread, [thoughts]);
    expect(calls.map(({ account }) => account)).toEqual(['ben', 'anna']);
    expect(calls[1]?.body).toBe(bodyOf(thread, [thoughts]));
    expect(typesOf(text).at(-1)).toBe('response.completed');
    expect(await retryReasonsOf(answer)).toEqual(['sent_to_its_maker', null]);
  });

  it('comes back without it when the one that sealed it fails as well', async () => {
    const { thread, thoughts } = await forgottenThread();
    house.anna.answers({ behaviour: 'F4', kind: 'server_error' });
    const { answer, calls, text } = await ask(thread, [thoughts]);
    expect(calls.map(({ account }) => account)).toEqual(['ben', 'anna', 'ben']);
    await untilSettled(answer.headers.get('x-request-id'));
    expect((await groundsOf(answer)).slice(1)).toEqual(['sealed', 'sealed']);
    expect(calls[2]?.body).toBe(bodyOf(thread, []));
    expect(typesOf(text).at(-1)).toBe('response.completed');
  });

  it('is mended as well when the refusal comes inside the stream, and nobody knows any more who sealed it', async () => {
    const thread = await threadAt('anna');
    const thoughts = await think(thread);
    house.installation.clock.advance(8 * 24 * 3_600_000);
    house.anna.answers({ behaviour: 'F6', code: 'invalid_encrypted_content' });
    const { calls, text } = await ask(thread, [thoughts]);
    expect(calls).toEqual([
      { account: 'anna', body: bodyOf(thread, [thoughts]) },
      { account: 'anna', body: bodyOf(thread, []) },
    ]);
    expect(typesOf(text).at(-1)).toBe('response.completed');
  });
});

/** A conversation that begins at ben, and that nothing leads to anna any more but what she sealed in it. */
async function forgottenThread() {
  const thread = await threadAt('ben');
  const thoughts = await think(await threadAt('anna'));
  house.installation.clock.advance(3_600_000);
  return { thread, thoughts };
}

describe('nothing is left out', () => {
  it('for the account that sealed it, whatever it says', async () => {
    const thread = await threadAt('anna');
    const thoughts = await think(thread);
    house.anna.answers({ behaviour: 'F5', kind: 'invalid_encrypted_content' });
    const { answer, text, calls } = await ask(thread, [thoughts]);
    expect([answer.status, calls.length]).toEqual([400, 1]);
    expect(text).toContain('invalid_encrypted_content');
  });

  it('of a compaction: it stays, and with it the conversation stays with its maker', async () => {
    const thread = await threadAt('anna');
    const story = JSON.parse(bodyOf(thread, [])) as { input: Item[] };
    const body = JSON.stringify({ ...story, input: [...story.input, { type: 'compaction_trigger' }] });
    const made = await askCodex(house.gateway, house.key, { thread, body });
    const compaction = itemsOf(await made.text(), 'compaction')[0]!;
    const foreign = await think(await threadAt('ben'));
    const { calls, answer } = await ask(thread, [compaction, foreign]);
    expect(answer.status).toBe(200);
    expect(calls).toEqual([
      { account: 'anna', body: bodyOf(thread, [compaction, foreign]) },
      { account: 'anna', body: bodyOf(thread, [compaction]) },
    ]);
  });

  it('twice: an account that refuses what is left has the last word', async () => {
    const thread = await threadAt('anna');
    const thoughts = await think(thread);
    house.anna.fails(429, { resetsInSeconds: 600 });
    house.ben.answers({ behaviour: 'F5', kind: 'invalid_encrypted_content' });
    house.ben.thenAnswers({ behaviour: 'F5', kind: 'invalid_encrypted_content' });
    const { answer, text, calls } = await ask(thread, [thoughts]);
    expect(calls.map(({ account }) => account)).toEqual(['anna', 'ben', 'ben']);
    expect([answer.status, text.includes('invalid_encrypted_content')]).toEqual([400, true]);
    house.installation.clock.advance(600_000);
  });
});

it('what was sealed is kept as a hash alone', async () => {
  const sealed = house.installation.sandbox.requests.flatMap(
    ({ body }) => body.toString().match(/gAAAA[\w+/=]{20,}/g) ?? [],
  );
  expect(sealed.length).toBeGreaterThan(10);
  const { rows } = await sql<{ text: string }>`select t::text as text from continuity_anchors t`.execute(
    house.installation.database.db,
  );
  const kept = rows.map(({ text }) => text).join('\n');
  const told = JSON.stringify(house.gateway.log);
  for (const each of sealed) {
    expect(kept).not.toContain(Buffer.from(each).toString('hex'));
    expect(kept + told).not.toContain(each);
  }
});
