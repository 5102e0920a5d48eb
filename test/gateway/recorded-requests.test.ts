import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encryptState } from '../../server/sandbox/encrypted-state.ts';
import { systemRandom } from '../../server/world/real-world.ts';
import { encodeBody, readRecordings, writeBody, type RecordedAsk } from '../recordings/read-recordings.ts';
import { typesOf } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let key: string;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { plan: 'pro', percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => gateway?.stop());

/** What the client says to its gateway alone; everything else it recorded is who it is, and travels on. */
const forTheGateway = new Set(['chatgpt-account-id', 'x-codex-turn-state', 'x-own', 'x-own-env']);
/** What a request over HTTP needs anyway, and what names the account. */
const fromTheGateway = ['authorization', 'chatgpt-account-id', 'host', 'connection', 'content-length'];

/** What proxies and browsers add on the way to us, and other credentials a client may hold. */
const strays = {
  cookie: 'session=of-the-client',
  forwarded: 'for=192.0.2.1',
  'x-forwarded-for': '192.0.2.1',
  'x-forwarded-host': 'gateway.example',
  'x-real-ip': '192.0.2.1',
  via: '1.1 proxy.example',
  'proxy-authorization': 'Basic b3duOm93bg==',
  'x-api-key': 'sk-key-of-the-client',
  'openai-organization': 'org-of-the-client',
};

async function send(recording: RecordedAsk) {
  const encrypt = (itemId: string) => encryptState({ accountId: anna.id, itemId }, systemRandom);
  const body = writeBody(recording, encrypt);
  const arriving = gateway.sandbox.nextRequest({ method: 'POST' });
  const answer = await fetch(gateway.url + recording.path, {
    method: 'POST',
    headers: {
      ...Object.fromEntries(recording.headers),
      ...(recording.encoding ? { 'content-encoding': recording.encoding } : {}),
      ...strays,
      authorization: `Bearer ${key}`,
    },
    body: encodeBody(body, recording),
  });
  const text = await answer.text();
  // A refusal of ours never reaches the sandbox, and its text says more than a missing request would.
  expect(`${answer.status} ${answer.ok ? '' : text}`).toBe('200 ');
  return { body, text, arrived: await arriving };
}

describe('a recorded request', () => {
  it.each(readRecordings().map((recording) => [`${recording.codex}: ${recording.situation}`, recording] as const))(
    'of Codex %s, reaches the provider as it was written, under the name of the account',
    async (_, recording) => {
      const { body, text, arrived } = await send(recording);

      expect(arrived.path).toBe(recording.path.replace(/\?.*$/, ''));
      expect(arrived.encoding).toBeUndefined();
      expect(hashOf(arrived.body)).toBe(hashOf(body));

      const travelling = recording.headers.filter(([name]) => !forTheGateway.has(name));
      expect(travelling.map(([name]) => [name, arrived.header(name)])).toEqual(travelling);
      const expected = new Set([...travelling.map(([name]) => name), ...fromTheGateway]);
      expect(arrived.headers.map(([name]) => name.toLowerCase()).filter((name) => !expected.has(name))).toEqual([]);
      expect(arrived.account).toBe('anna');
      expect(arrived.header('chatgpt-account-id')).toBe(anna.id);
      expect(gateway.sandbox.violations).toEqual([]);

      if (recording.path.endsWith('/compact'))
        expect(JSON.parse(text)).toMatchObject({ output: [{ type: 'compaction' }] });
      else expect(typesOf(text).at(-1)).toBe('response.completed');
    },
  );

  it('is one of every shape that is served over HTTP', () => {
    const all = readRecordings();
    const has = (fits: (recording: RecordedAsk) => boolean) => all.some(fits);
    const itemTypes = (recording: RecordedAsk) =>
      (recording.body['input'] as { type: string }[]).map(({ type }) => type);
    expect({
      versions: new Set(all.map(({ codex }) => codex)).size,
      zstd: has(({ encoding }) => encoding === 'zstd'),
      instructions: has(({ body }) => 'instructions' in body),
      lite: has((recording) => itemTypes(recording).includes('additional_tools')),
      toolOutput: has((recording) => itemTypes(recording).includes('function_call_output')),
      codeOutput: has((recording) => itemTypes(recording).includes('custom_tool_call_output')),
      reasoning: has((recording) => itemTypes(recording).includes('reasoning')),
      trigger: has((recording) => itemTypes(recording).at(-1) === 'compaction_trigger'),
      compaction: has((recording) => itemTypes(recording).includes('compaction')),
      unary: has(({ path }) => path.endsWith('/responses/compact')),
      oldSessionHeader: has(({ headers }) => headers.some(([name]) => name === 'session_id')),
      subAgent: has(({ headers }) => headers.some(([name]) => name === 'x-openai-subagent')),
      priority: has(({ body }) => body['service_tier'] === 'priority'),
    }).toEqual({
      versions: 11,
      zstd: true,
      instructions: true,
      lite: true,
      toolOutput: true,
      codeOutput: true,
      reasoning: true,
      trigger: true,
      compaction: true,
      unary: true,
      oldSessionHeader: true,
      subAgent: true,
      priority: true,
    });
  });
});

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
