/** The `key` commands: what a key may ask for, and its life, in words and for scripts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiKey } from '../../server/contract/api-keys.ts';
import { openKeyPolicy } from '../../server/contract/key-policy.ts';
import type { Pool } from '../../server/contract/pools.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { commandLineBeside } from './command-line-under-test.ts';

let gateway: GatewayUnderTest;
let operator: ReturnType<typeof commandLineBeside>;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  await gateway.link('anna', { percentPerAnswer: 0 });
  operator = commandLineBeside(gateway);
});
afterAll(() => gateway.stop());

async function answer(secret: string, model = 'gpt-5.5'): Promise<number> {
  const response = await askCodex(gateway, secret, { model });
  await response.text();
  return response.status;
}

describe('what a key may ask for', () => {
  it('is said when it is made, shown, and on record', async () => {
    const options = [
      '--models gpt-5.5,GPT-6-Luna',
      '--aliases fast=gpt-6-luna,best=gpt-5.5',
      '--force-model gpt-6-luna',
      '--max-effort high',
      '--service-tier fast',
      '--addresses 127.0.0.0/8,::1',
      '--labels ci,nightly',
      "--notes 'for the build machine'",
      '--expires 30d',
    ];
    const { key, secret } = await operator.done<{ key: ApiKey; secret: string }>(
      `key create --name ci ${options.join(' ')}`,
    );
    const policy = {
      allowedModels: ['gpt-5.5', 'gpt-6-luna'],
      modelAliases: { fast: 'gpt-6-luna', best: 'gpt-5.5' },
      enforcedModel: 'gpt-6-luna',
      effort: { rule: 'at_most', level: 'high' },
      serviceTier: 'priority',
      allowedAddresses: ['127.0.0.0/8', '::1'],
    };
    expect(key).toMatchObject({ policy, labels: ['ci', 'nightly'], notes: 'for the build machine', overlap: null });
    expect(await operator.done('key show ci')).toEqual({ key });
    expect(await answer(secret)).toBe(200);
    const { details } = await operator.auditOf('api-keys.create');
    expect(details).toMatchObject({ 'key.name': 'ci', policy });
    expect(JSON.stringify(details)).not.toContain(secret.slice(20));
    const { stdout } = await operator.run('key show ci');
    for (const line of [
      /^ci\n/,
      /^ +models +gpt-5\.5, gpt-6-luna$/m,
      /^ +aliases +best is gpt-5\.5, fast is gpt-6-luna$/m,
      /^ +always uses +gpt-6-luna$/m,
      /^ +effort +high: no more than this; more is refused$/m,
      /^ +tier +priority$/m,
      /^ +used from +127\.0\.0\.0\/8, ::1$/m,
      /^ +labels +ci, nightly$/m,
    ])
      expect(stdout).toMatch(line);
    expect(stdout).not.toContain(secret.slice(20));
  });

  it('is changed field by field, for the next request, and taken back', async () => {
    const { secret } = await operator.done<{ secret: string }>('key create --name desk');
    await operator.done('key update desk --models none');
    expect(await answer(secret)).toBe(400);
    const { key } = await operator.done<{ key: ApiKey }>('key update desk --models gpt-5.5 --force-effort low');
    expect(key.policy).toEqual({
      ...openKeyPolicy,
      allowedModels: ['gpt-5.5'],
      effort: { rule: 'always', level: 'low' },
    });
    expect(await answer(secret)).toBe(200);
    const back = '--models all --max-effort any --force-model any --aliases none --service-tier any --addresses any';
    const open = await operator.done<{ key: ApiKey }>(`key update desk ${back} --expires never --name laptop`);
    expect(open.key).toMatchObject({ name: 'laptop', policy: openKeyPolicy, expiresAt: null });
    expect((await operator.auditOf('api-keys.update')).details).toMatchObject({
      name: 'laptop',
      policy: openKeyPolicy,
    });
  });

  it('loses no change when two are made at once', async () => {
    await operator.done('key create --name twice');
    await Promise.all([
      operator.done('key update twice --models gpt-5.5'),
      operator.done('key update twice --service-tier flex'),
    ]);
    const { key } = await operator.done<{ key: ApiKey }>('key show twice');
    expect(key.policy).toEqual({ ...openKeyPolicy, allowedModels: ['gpt-5.5'], serviceTier: 'flex' });
  });

  it('moves with the key to another Pool', async () => {
    await operator.done('pool create Empty');
    const { secret } = await operator.done<{ secret: string }>('key create --name mover');
    await operator.done('key update mover --pool empty');
    expect(await answer(secret)).toBe(400);
    await operator.done('key update mover --pool default');
    expect(await answer(secret)).toBe(200);
  });

  it.each([
    ['key create --name x --addresses localhost', 64, "Option '--addresses <list>' argument 'localhost' is invalid"],
    ['key create --name x --aliases fast', 64, "Option '--aliases <list>'"],
    ['key create --name x --max-effort extreme', 64, "Option '--max-effort <level>'"],
    ['key create --name x --service-tier gold', 64, "Option '--service-tier <tier>'"],
    ['key create --name x --max-effort low --force-effort low', 64, 'cannot be used with option'],
    ['key create --name x --models gpt-5.5 --force-model gpt-6-luna', 1, 'must be among the allowed models'],
    ['key update ci --models gpt-5.5', 1, 'must be among the allowed models'],
    ['key update ci', 64, 'Say what to change'],
    ['key update nobody --models all', 1, 'There is no such API key.'],
    ['key update ci --pool nowhere', 1, 'There is no such Pool.'],
    ['key show nobody', 1, 'There is no such API key.'],
    ['key rotate ci --overlap 8d', 64, "Option '--overlap <length>' argument '8d' is invalid"],
    ['key rotate ci', 1, 'add --yes'],
    ['key delete ci', 1, 'add --yes'],
  ])('%s is refused in words that name the option, with exit code %i', async (words, exitCode, sentence) => {
    const outcome = await operator.run(words);
    expect([outcome.exitCode, outcome.stdout]).toEqual([exitCode, '']);
    expect(outcome.stderr).toContain(sentence);
  });
});

describe('the life of a key', () => {
  it('goes from pause to resume, rotation, revocation and deletion; what it used stays', async () => {
    const made = await operator.done<{ key: ApiKey; secret: string }>('key create --name life');
    expect((await operator.run('key pause life')).stdout).toMatch(
      /^Paused life \((sk-cxp-[0-9a-f]{12})\)\. .*: codex-pooler key resume \1\n$/,
    );
    expect(await answer(made.secret)).toBe(401);
    expect((await operator.run('key resume life')).stdout).toMatch(/^Resumed life /);
    expect(await answer(made.secret)).toBe(200);

    const rotated = await operator.run('key rotate life --overlap 24h');
    const secret = /sk-cxp-[0-9a-f]{12}-[A-Za-z0-9_-]{43}/.exec(rotated.stdout)?.[0] ?? '';
    expect(rotated.stdout).toContain('The former one works beside it and ends in');
    expect([await answer(made.secret), await answer(secret)]).toEqual([200, 200]);
    expect((await operator.run('key show life')).stdout).toMatch(/^ +former key +sk-cxp-[0-9a-f]{12}-… ends in /m);
    const last = (await operator.run('key rotate life --yes --quiet')).stdout.trim();
    expect([await answer(made.secret), await answer(secret), await answer(last)]).toEqual([401, 401, 200]);

    expect((await operator.run(`key revoke ${last} --yes`)).stdout).toMatch(/^Revoked life /);
    expect(await answer(last)).toBe(401);
    for (const words of ['resume', 'pause', 'rotate --yes', 'update --models all']) {
      const [verb, ...rest] = words.split(' ');
      const refused = await operator.run(`key ${verb} ${last} ${rest.join(' ')}`);
      expect([words, refused.exitCode]).toEqual([words, 1]);
      expect(refused.stderr).toContain('This key was revoked for good.');
    }
    expect((await operator.run(`key delete ${last} --yes`)).stdout).toMatch(/^Deleted life /);
    expect((await operator.run('key list')).stdout).not.toMatch(/^life /m);
    const { id } = made.key;
    const used = await gateway.database.db.selectFrom('requests').selectAll().where('apiKeyId', '=', id).execute();
    expect(used.filter(({ status }) => status === 'succeeded').map(({ apiKeyName }) => apiKeyName)).toEqual(
      Array.from({ length: 4 }, () => 'life'),
    );
    for (const verb of ['pause', 'resume', 'rotate', 'revoke', 'delete'])
      expect((await operator.auditOf(`api-keys.${verb}`)).details).toMatchObject({ 'key.id': id, 'key.name': 'life' });
  });
});

describe('pool serve', () => {
  it('chooses the dialect of a model, shows it, and takes it back', async () => {
    expect((await operator.run('pool serve default GPT-5.5 lite')).stdout).toMatch(/serves GPT-5\.5: always lite\.\n/);
    expect((await operator.run('pool show default')).stdout).toMatch(/^gpt-5\.5 +Always lite$/m);
    const { pool } = await operator.done<{ pool: Pool }>('pool serve default gpt-5.5 auto');
    expect(pool.servingModes).toEqual({});
    expect(await operator.run('pool serve default gpt-5.5 huge')).toMatchObject({ exitCode: 64, stdout: '' });
  });
});
