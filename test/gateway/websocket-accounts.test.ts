/** What becomes of turns over websockets when their account is refused, runs out or goes away. */
import { describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { newRow, requestIds } from '../support/ledger.ts';
import { frameTypes, idIn, ownSocket, turnOn, type OwnSocket } from '../support/own-socket.ts';

describe('an account', () => {
  it('whose token was refused at the handshake gets a new one and serves, unseen', async () => {
    const own = await ownSocket('renewed');
    own.account.expireAccessTokens();
    const known = await requestIds(own.gateway);
    expect(frameTypes(await turnOn(own.client)).at(-1)).toBe('response.completed');
    expect(own.account.counters.refreshes).toBe(1);
    expect(await newRow(own.gateway, known)).toMatchObject({ status: 'succeeded', attemptCount: 1 });
    await own.stop();
  });

  it.each([
    ['at the handshake', { behaviour: 'W1', status: 429 }],
    ['by an error frame', { behaviour: 'F3' }],
    ['behind the first events', { behaviour: 'F6', code: 'usage_limit_reached' }],
  ] as const)('that says %s that it has run out makes way for another, unseen', async (_name, answer) => {
    const own = await ownSocket('first');
    await turnOn(own.client);
    const other = await own.gateway.link('second', { percentPerAnswer: 0 });
    if (answer.behaviour === 'W1') await endSockets(own);
    own.account.answers(answer);
    const known = await requestIds(own.gateway);
    const frames = await turnOn(own.client);
    expect(frameTypes(frames)).not.toContain('error');
    expect(frameTypes(frames).at(-1)).toBe('response.completed');
    expect(await newRow(own.gateway, known)).toMatchObject({ status: 'succeeded', attemptCount: 2 });
    expect(other.counters.requests).toBe(1);
    await own.stop();
  });

  it('that cannot go on with what only it holds makes the client send everything, which another serves', async () => {
    const own = await ownSocket('holder');
    const id = idIn(await turnOn(own.client));
    const other = await own.gateway.link('second', { percentPerAnswer: 0 });
    own.account.fails(429, { resetsInSeconds: 600 });
    expect((await turnOn(own.client, { previous_response_id: id })).at(-1)).toMatchObject({
      type: 'error',
      status: 400,
      error: { code: 'previous_response_not_found' },
    });
    expect(frameTypes(await turnOn(own.client)).at(-1)).toBe('response.completed');
    expect(other.counters.requests).toBe(1);
    await own.stop();
  });

  it('that was removed meanwhile lets nobody go on from its answers', async () => {
    const own = await ownSocket('removed');
    const id = idIn(await turnOn(own.client));
    await own.gateway.link('second', { percentPerAnswer: 0 });
    await own.gateway.call(accounts.remove, { account: 'removed' });
    expect((await turnOn(own.client, { previous_response_id: id })).at(-1)).toMatchObject({
      status: 400,
      error: { code: 'previous_response_not_found' },
    });
    expect(frameTypes(await turnOn(own.client)).at(-1)).toBe('response.completed');
    await own.stop();
  });

  it('tells its limits by frames, and they count', async () => {
    const own = await ownSocket('measured');
    own.account.windows([{ minutes: 300, usedPercent: 37 }]);
    await turnOn(own.client);
    const { accounts: list } = await own.gateway.call(accounts.list, {});
    expect(JSON.stringify(list)).toContain('37');
    await own.stop();
  });
});

/** The provider closes every socket, and the gateway has noticed. */
async function endSockets({ gateway: own }: OwnSocket): Promise<void> {
  const closed = own.logged('upstream_websocket_closed');
  for (const { number } of (await (await fetch(`${own.sandbox.controlUrl}/_ctl/sockets`)).json()) as {
    number: number;
  }[])
    await fetch(`${own.sandbox.controlUrl}/_ctl/sockets/${number}/close`, { method: 'POST', body: '{"code":1012}' });
  await closed;
}
