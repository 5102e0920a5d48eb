import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decisions, usualInputTokens, type Explanation } from '../../server/contract/decisions.ts';
import { limits, type KeyLimit } from '../../server/contract/limits.ts';
import { askCodex, codexBody } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
let key: string;
let settled = 0;
const ids = new Map<string, string>();

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  for (const name of ['anna', 'ben', 'carla']) {
    const { gatewayId } = await gateway.link(name, { percentPerAnswer: 0, models: ['gpt-5.5'] });
    ids.set(gatewayId, name);
  }
  key = await gateway.key({ name: 'laptop' });
});
afterAll(() => gateway.stop());

async function ask(thread: string, options: Parameters<typeof askCodex>[2] = {}) {
  const answer = await askCodex(gateway, key, { thread, ...options });
  await answer.text();
  await gateway.settled((settled += 1));
  return { status: answer.status, requestId: answer.headers.get('x-request-id')! };
}

const explain = (requestId: string) => gateway.call(decisions.explain, { requestId });
/** Where a request of Codex for this conversation would go. */
const simulate = (thread: string, model = 'gpt-5.5') =>
  gateway.call(decisions.simulate, {
    key: 'laptop',
    model,
    thread,
    promptCacheKey: thread,
    effort: 'medium',
    isCompaction: false,
    hasImages: false,
    hasTools: true,
    inputTokens: usualInputTokens,
  });
const chosen = ({ choices }: Explanation) => choices.map(({ accountId }) => accountId && ids.get(accountId));

describe('what a simulation says', () => {
  it('is what then happens, and what is explained afterwards, but for the time', async () => {
    for (let thread = 0; thread < 6; thread += 1) {
      const simulated = await simulate(`thread-${thread}`);
      const { requestId } = await ask(`thread-${thread}`);
      const explained = await explain(requestId);
      expect(chosen(explained)).toEqual(chosen(simulated));
      expect(explained.steps).toEqual(simulated.steps);
      const timeless = ({ choices }: Explanation) =>
        choices.map(({ decision }) => ({
          ...decision,
          at: null,
          candidates: decision?.candidates.map((each) => ({
            ...each,
            limits: each.limits.map(({ windowMinutes, usedPercent }) => [windowMinutes, usedPercent]),
          })),
        }));
      expect(timeless(explained)).toEqual(timeless(simulated));
    }
  });

  it('leaves no trace, however often it is asked', async () => {
    const first = chosen(await simulate('never-sent'));
    for (let time = 0; time < 5; time += 1) expect(chosen(await simulate('never-sent'))).toEqual(first);
    const { requests } = await gateway.call(decisions.list, { limit: 500 });
    expect(requests.length).toBe(settled);
  });

  it('names the step at which a request would end', async () => {
    const { steps, choices } = await simulate('x', 'gpt-unheard-of');
    expect(steps.find(({ outcome }) => outcome === 'refused')).toEqual({
      step: 'model',
      outcome: 'refused',
      code: 'invalid_model',
      left: 0,
    });
    expect(choices[0]?.decision?.excluded).toEqual({ model_not_offered: 3 });
  });
});

describe('what stands before the accounts', () => {
  const plain = {
    model: 'gpt-5.5',
    isCompaction: false,
    hasImages: false,
    hasTools: true,
    inputTokens: usualInputTokens,
  };
  const ending = ({ steps }: Explanation) => steps.find(({ outcome }) => outcome === 'refused');

  it.each<readonly [string, Pick<KeyLimit, 'unit' | 'window' | 'model' | 'maximum'>, boolean]>([
    ['a request more than a day allows', { unit: 'requests', window: 'day', model: null, maximum: 1 }, true],
    ['more money than a month allows', { unit: 'cost_micros', window: 'month', model: null, maximum: 1 }, false],
    ['more input than one may have', { unit: 'input_tokens', window: 'request', model: 'gpt-5.5', maximum: 1 }, false],
  ])('ends %s in a simulation as it does in earnest', async (name, limit, isFirstServed) => {
    const narrow = await gateway.key({ name });
    await gateway.call(limits.set, { key: name, ...limit });
    const simulated = () => gateway.call(decisions.simulate, { key: name, ...plain });
    const send = async () => {
      const answer = await askCodex(gateway, narrow, { thread: name });
      await answer.text();
      await gateway.settled((settled += 1));
      return explain(answer.headers.get('x-request-id')!);
    };
    if (isFirstServed) {
      expect(ending(await simulated())).toBeUndefined();
      expect(ending(await send())).toBeUndefined();
    }
    const told = await simulated();
    expect(ending(told)).toEqual({
      step: 'limits',
      outcome: 'refused',
      code: 'api_key_policy_limit_exceeded',
      left: null,
    });
    expect(await simulated()).toEqual({ ...told, request: { ...told.request, at: expect.any(Date) } });
    expect((await send()).steps).toEqual(told.steps);
  });

  it.each([
    ['exactly as much room as a body takes', 0, undefined],
    ['one token less', -1, 'api_key_policy_limit_exceeded'],
  ])('counts the tokens it is told as those of a body: %s', async (name, spare, code) => {
    const narrow = await gateway.key({ name });
    const inputTokens = Math.ceil(codexBody({ thread: name }).length / 4);
    const maximum = inputTokens + spare;
    await gateway.call(limits.set, { key: name, unit: 'input_tokens', window: 'request', model: null, maximum });
    const ofThatLength = await gateway.call(decisions.simulate, { key: name, ...plain, inputTokens });
    const answer = await askCodex(gateway, narrow, { thread: name });
    await answer.text();
    await gateway.settled((settled += 1));
    const sent = await explain(answer.headers.get('x-request-id')!);
    expect([ending(ofThatLength)?.code, ending(sent)?.code]).toEqual([code, code]);
  });

  it('sets aside what an answer may become at most', async () => {
    const key = 'brief';
    await gateway.key({ name: key });
    const maximum = usualInputTokens + 100;
    await gateway.call(limits.set, { key, unit: 'total_tokens', window: 'day', model: null, maximum });
    const outputs = [undefined, 101, 100];
    const codes = outputs.map(
      async (outputTokens) => ending(await gateway.call(decisions.simulate, { key, ...plain, outputTokens }))?.code,
    );
    const refused = 'api_key_policy_limit_exceeded';
    expect(await Promise.all(codes)).toEqual([refused, refused, undefined]);
  });

  it('leaves out limits of other models, and waits where only so many may run at once', async () => {
    await gateway.key({ name: 'elsewhere' });
    const key = 'elsewhere';
    await gateway.call(limits.set, { key, unit: 'requests', window: 'day', model: 'gpt-other', maximum: 0 });
    await gateway.call(limits.set, { key, unit: 'concurrency', window: 'now', model: null, maximum: 0 });
    expect(ending(await gateway.call(decisions.simulate, { key, ...plain }))).toBeUndefined();
  });

  it('ends a request from an address that the key may not be used from', async () => {
    const policy = { allowedAddresses: ['10.0.0.0/8'] };
    await gateway.key({ name: 'at home', policy });
    const from = async (address?: string) =>
      ending(await gateway.call(decisions.simulate, { key: 'at home', ...plain, ...(address && { address }) }))?.code;
    expect([await from(), await from('10.1.2.3'), await from('192.0.2.1')]).toEqual([
      undefined,
      undefined,
      'address_not_allowed',
    ]);
  });
});

describe('why a request went where it went', () => {
  it('is told for every attempt, also when another account had to help', async () => {
    const before = await simulate('fails-once');
    const [first] = chosen(before);
    gateway.sandbox.account(first!).fails(500);
    const explained = await explain((await ask('fails-once')).requestId);
    const [failed, helped] = explained.choices;
    expect(chosen(explained)[0]).toBe(first);
    expect(failed).toMatchObject({ attempt: 1, status: 'retryable_failed' });
    expect(helped).toMatchObject({ attempt: 2, status: 'succeeded' });
    expect(helped?.decision?.excluded).toMatchObject({ already_tried: 1 });
    expect(Object.values(explained.accounts).toSorted()).toEqual(['anna', 'ben', 'carla']);
  });

  it('names the reason of each account when nobody could serve', async () => {
    const { requestId } = await ask('nobody', { model: 'gpt-nobody-has' });
    const { request, choices } = await explain(requestId);
    expect(request).toMatchObject({ status: 'rejected', errorCode: 'invalid_model', keyName: 'laptop' });
    expect(choices).toHaveLength(1);
    expect(choices[0]).toMatchObject({ attempt: null, accountId: null });
    expect(choices[0]?.decision?.candidates.map(({ reason }) => reason)).toEqual(
      Array.from({ length: 3 }, () => 'model_not_offered'),
    );
  });

  it('is not told of a request nobody knows', async () => {
    const unknown = '00000000-0000-4000-8000-000000000000';
    await expect(explain(unknown)).rejects.toMatchObject({ code: 'request_not_found' });
  });
});

describe('the newest requests', () => {
  it('come with what they cost and who served them, the newest first', async () => {
    const { requestId } = await ask('listed');
    const { requests } = await gateway.call(decisions.list, { limit: 2 });
    expect(requests.map(({ admittedAt }) => admittedAt.getTime())).toEqual(
      requests.map(({ admittedAt }) => admittedAt.getTime()).toSorted((a, b) => b - a),
    );
    const line = requests.find((each) => each.requestId === requestId);
    expect(line).toMatchObject({ status: 'succeeded', keyName: 'laptop', model: 'gpt-5.5', costStatus: 'priced' });
    expect(line?.totalTokens).toBeGreaterThan(0);
  });
});

describe('a request that finds every account left alone', () => {
  it('is refused with a wait, and its record says that of each, and until when', async () => {
    const names = [...ids.values()];
    for (const name of names) gateway.sandbox.account(name).always({ behaviour: 'F4', kind: 'server_error' });
    // One request asks all three.
    for (let time = 0; time < 3; time += 1) expect((await ask(`fails-${time}`)).status).toBe(500);
    const served = names.map((name) => gateway.sandbox.account(name).counters.requests);
    const { status, requestId } = await ask('finds nobody');
    expect(status).toBe(503);
    expect(names.map((name) => gateway.sandbox.account(name).counters.requests)).toEqual(served);

    const { request, choices } = await explain(requestId);
    expect(request).toMatchObject({ status: 'rejected', errorCode: 'no_eligible_backend' });
    expect(choices).toMatchObject([{ attempt: null, accountId: null }]);
    const decision = choices[0]!.decision!;
    expect(decision).toMatchObject({ eligible: 0, total: 3, excluded: { circuit_open: 3 } });
    const reasons = decision.candidates.map(({ accountId, reason }) => [ids.get(accountId), reason]);
    expect(reasons.toSorted()).toEqual(names.toSorted().map((name) => [name, 'circuit_open']));
  });
});
