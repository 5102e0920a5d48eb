/** Conversations that outlive their connections: whatever breaks between two turns, the next goes on with the account. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lookEveryMs } from '../../server/accounts/outage.ts';
import { accounts } from '../../server/contract/accounts.ts';
import { breakableLink, type BreakableLink } from '../support/breakable-link.ts';
import { codexBody } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsAfterAll, soundBooks } from '../support/ledger.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';
import { openSocket, type Frame, type SocketClient } from '../support/socket-client.ts';

let installation: Installation;
/** Between the gateway and the provider. */
let link: BreakableLink;
let gateway: GatewayUnderTest;
let key: string;
let client: SocketClient;
let thread: string;

const open = () => installation.open({ env: { CODEX_POOLER_UPSTREAM_URL: new URL(link.url).origin } });

beforeAll(async () => {
  installation = await oneInstallation();
  link = await breakableLink(installation.sandbox.url);
  gateway = await open();
  for (const name of ['anna', 'ben', 'carla']) await gateway.link(name, { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(async () => {
  await installation.stop();
  await link.stop();
});
beforeEach(async ({ task }) => {
  thread = task.id;
  client = await openSocket(gateway, key, { thread });
  return () => client.leave();
});

interface Served {
  readonly id: string;
  readonly account: string | undefined;
  /** The client had to send its whole input. */
  readonly isWhole: boolean;
}

/** A turn as Codex takes it: it goes on from an answer, and sends everything when it is told that this cannot be. */
async function turn(previous?: Served): Promise<Served> {
  if (previous) client.turn({ thread, extra: { previous_response_id: previous.id } });
  const first = previous ? (await client.answer()).at(-1) : undefined;
  const isRefused = (first?.['error'] as { code?: string } | undefined)?.code === 'previous_response_not_found';
  if (first && !isRefused) return servedBy(first, { isWhole: false });
  client.turn({ thread });
  return servedBy((await client.answer()).at(-1), { isWhole: true });
}

function servedBy(end: Frame | undefined, { isWhole }: { isWhole: boolean }): Served {
  expect(end).toMatchObject({ type: 'response.completed' });
  const asked = installation.sandbox.requests.findLast(({ path }) => path.endsWith('/responses'));
  return { id: (end as { response: { id: string } }).response.id, account: asked?.account, isWhole };
}

/** The provider's sockets that have ended since, as the gateway knows it. */
function nextEnd() {
  const before = gateway.log.filter(({ event }) => event === 'upstream_websocket_closed').length;
  return gateway.logged('upstream_websocket_closed', before + 1);
}

describe('a conversation goes on with its account', () => {
  it('after a sleep that its connection to the provider did not survive', async () => {
    const first = await turn();
    const ended = nextEnd();
    void link.stall();
    gateway.clock.jumpWall(3_600_000);
    gateway.clock.advance(1_000);
    gateway.clock.advance(5_000);
    expect((await ended).facts['reason']).toBe('upstream_websocket_pong_deadline');
    link.resume();
    expect(await turn(first)).toMatchObject({ account: first.account, isWhole: true });
  });

  it('after a sleep that it did survive, without sending everything', async () => {
    const first = await turn();
    gateway.clock.jumpWall(3_600_000);
    gateway.clock.advance(1_000);
    expect(await turn(first)).toMatchObject({ account: first.account, isWhole: false });
    gateway.clock.advance(5_000);
    expect(await turn(first)).toMatchObject({ account: first.account, isWhole: false });
  });

  it('after the network was away, and is told so while it is', async () => {
    const first = await turn();
    const ended = nextEnd();
    await link.cut();
    await ended;
    client.turn({ thread });
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'error', status: 502 });
    await link.mend();
    // By then a look is taken whether somebody can be reached again.
    gateway.clock.advance(lookEveryMs);
    expect(await turn(first)).toMatchObject({ account: first.account, isWhole: true });
  });

  it('after its client came back on a new connection, without sending everything', async () => {
    const first = await turn();
    client.leave();
    client = await openSocket(gateway, key, { thread });
    expect(await turn(first)).toMatchObject({ account: first.account, isWhole: false });
  });

  it('after the gateway was started again', async () => {
    const first = await turn();
    const former = gateway;
    gateway = await open();
    await former.stop();
    expect((await client.closed).code).toBe(1012);
    client = await openSocket(gateway, key, { thread });
    expect(await turn(first)).toMatchObject({ account: first.account, isWhole: true });
  });
});

describe('a conversation that cannot go on', () => {
  it('because its account is gone is told the way out, and a new one begins on the same socket', async () => {
    client.turn({ thread, body: bodyWith({ type: 'compaction_trigger' }) });
    const items = (await client.answer()).filter(({ type }) => type === 'response.output_item.done');
    const compaction = items.map(({ item }) => item as { type: string }).find(({ type }) => type === 'compaction');
    expect(compaction).toBeDefined();
    const asked = installation.sandbox.requests.findLast(({ path }) => path.endsWith('/responses'));
    await gateway.call(accounts.remove, { account: asked?.account ?? '' });
    client.turn({ thread, body: bodyWith(compaction) });
    expect(await client.answer()).toMatchObject([
      {
        type: 'error',
        status: 503,
        error: {
          code: 'pinned_continuation_unavailable',
          recovery_kind: 'restart_with_full_context',
          continuity_denial: { pinned_by: 'compaction', internal_reason: 'account_gone' },
        },
        headers: { 'x-codex-recovery-kind': 'restart_with_full_context' },
      },
    ]);
    expect((await turn()).account).not.toBe(asked?.account);
  });

  function bodyWith(item: unknown): string {
    const body = JSON.parse(codexBody({ thread })) as { input: unknown[] };
    return JSON.stringify({ ...body, input: [...body.input, item] });
  }
});

it('leaves sound books', async () => {
  client.leave();
  expect(gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(installation.sandbox.violations).toEqual([]);
  expect(await faultsAfterAll(gateway)).toEqual(soundBooks);
});
