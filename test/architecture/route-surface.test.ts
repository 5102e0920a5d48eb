import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { mountedRoutes } from '../support/mounted-routes.ts';
import { sourceFiles } from './source-files.ts';

/**
 * THE reviewed list of every address this server answers, and what it asks for. A new line is a decision: who may call
 * it, with which credential, and what it may cost.
 */
const surface: Readonly<Record<string, 'anybody' | 'api key' | 'admin token'>> = {
  'GET /healthz': 'anybody',
  'GET /readyz': 'anybody',

  'POST /backend-api/codex/responses': 'api key',
  'POST /backend-api/codex/v1/responses': 'api key',
  'POST /backend-api/codex/responses/compact': 'api key',
  'POST /backend-api/codex/v1/responses/compact': 'api key',
  'GET /backend-api/codex/models': 'api key',
  'GET /backend-api/codex/v1/models': 'api key',
  'GET /backend-api/wham/usage': 'api key',
  'GET /backend-api/codex/usage': 'api key',
  'GET /api/codex/usage': 'api key',
  'GET /wham/usage': 'api key',

  'POST /v1/responses': 'api key',
  'GET /v1/responses': 'api key',
  'POST /v1/responses/compact': 'api key',
  'GET /v1/usage': 'api key',
  'POST /v1/chat/completions': 'api key',
  'POST /backend-api/codex/v1/chat/completions': 'api key',
  'POST /v1/files': 'api key',
  'GET /v1/files': 'api key',
  'GET /v1/files/:file': 'api key',
  // Whose file it is, then that this is not supported.
  'GET /v1/files/:file/content': 'api key',
  'DELETE /v1/files/:file': 'api key',
  'POST /v1/audio/transcriptions': 'api key',
  'POST /v1/images/generations': 'api key',
  'POST /v1/images/edits': 'api key',
  'GET /v1/models': 'api key',
  'GET /v1/models/:model': 'api key',
  'POST /backend-api/files': 'api key',
  'POST /backend-api/files/:fileId/uploaded': 'api key',
  'POST /backend-api/transcribe': 'api key',
  'POST /backend-api/codex/images/generations': 'api key',
  'POST /backend-api/codex/images/edits': 'api key',
  'POST /backend-api/codex/alpha/search': 'api key',
  'GET /backend-api/wham/accounts/check': 'api key',
  'GET /api/codex/accounts/check': 'api key',
  'GET /wham/accounts/check': 'api key',
  // Without what spends one.
  'GET /backend-api/wham/rate-limit-reset-credits': 'api key',
  'GET /api/codex/rate-limit-reset-credits': 'api key',
  'GET /wham/rate-limit-reset-credits': 'api key',

  // For websockets.
  'GET /backend-api/codex/responses': 'api key',
  'GET /backend-api/codex/v1/responses': 'api key',

  'POST /admin/api/:name': 'admin token',
};

const statusForAnybody: Readonly<Record<string, number>> = {
  'GET /healthz': 200,
  'GET /readyz': 200,
};

describe('the routes', () => {
  it('are those of the reviewed list, no more and no fewer', () => {
    expect(mountedRoutes()).toEqual(Object.keys(surface).toSorted());
  });

  it('are mounted in the files that this test mounts, and nowhere else', () => {
    const server = sourceFiles().filter(({ path }) => path.startsWith('server/') && !path.endsWith('.test.ts'));
    const mounting = server.filter(({ text }) =>
      /\brouter\.(?:get|post|put|patch|delete|all|use|register)\(/.test(text),
    );
    expect(mounting.map(({ path }) => path).toSorted()).toEqual([
      'server/http/admin-api.ts',
      'server/http/gateway-routes.ts',
      'server/http/operations.ts',
      'server/http/public-routes.ts',
    ]);
    const app = server.find(({ path }) => path === 'server/app.ts')?.text ?? '';
    const called = new Set([...app.matchAll(/\b(mount[A-Z]\w*)\(/g)].map(([, name]) => name));
    expect([...called].toSorted()).toEqual(['mountAdminApi', 'mountGateway', 'mountOperations', 'mountPublic']);
  });
});

describe('the running server', () => {
  let gateway: GatewayUnderTest;
  let worker: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await gatewayUnderTest();
    worker = await gatewayUnderTest({ env: { PHX_SERVER: 'false' } });
  });
  afterAll(async () => {
    await gateway.stop();
    await worker.stop();
  });

  it.each(Object.entries(surface))('asks who calls %s: %s', async (route, who) => {
    const status = who === 'anybody' ? statusForAnybody[route] : 401;
    expect((await call(gateway, route)).status).toBe(status);
    // A credential of one kind opens nothing of the other.
    const other = who === 'admin token' ? await gateway.key({ name: `for ${route}` }) : 'not-a-key';
    expect((await call(gateway, route, other)).status).toBe(status);
  });

  it('opens each route to the right credential', async () => {
    const key = await gateway.key({ name: 'right' });
    for (const [route, who] of Object.entries(surface))
      if (who === 'api key') expect((await call(gateway, route, key)).status, route).not.toBe(401);
  });

  it('gives no method but those, and no other address', async () => {
    const addresses = [...new Set(Object.keys(surface).map((route) => route.split(' ')[1] ?? ''))];
    for (const address of addresses)
      for (const method of ['PUT', 'DELETE', 'PATCH', 'GET', 'POST']) {
        if (`${method} ${address}` in surface) continue;
        const answer = await call(gateway, `${method} ${address}`);
        const isPublic = address.startsWith('/v1/');
        // Below `/v1` the key comes first, whatever is asked.
        expect(answer.status, `${method} ${address}`).toBe(isPublic ? 401 : 405);
        // Whoever is let in is told what would be answered.
        if (!isPublic) expect(answer.headers.get('allow'), `${method} ${address}`).toMatch(/^[A-Z]+(, [A-Z]+)*$/);
      }
    for (const address of ['/', '/admin', '/metrics', '/backend-api/accounts', '/backend-api/codex'])
      expect((await call(gateway, `GET ${address}`)).status, address).toBe(404);
  });

  it('answers a known key below `/v1` in JSON, whatever it asks', async () => {
    const key = await gateway.key({ name: 'v1' });
    for (const [route, status, code] of [
      ['GET /v1/responses/resp_1', 404, 'unsupported_endpoint'],
      ['POST /v1/embeddings', 404, 'unsupported_endpoint'],
      ['POST /v1/%65mbeddings', 404, 'unsupported_endpoint'],
      ['GET /v1', 404, 'unsupported_endpoint'],
      ['GET /v1/responses', 400, 'websocket_upgrade_required'],
      ['GET /v1/%72esponses', 400, 'websocket_upgrade_required'],
      ['DELETE /v1/models', 405, 'method_not_allowed'],
      ['POST /v1/models/gpt-5.5', 405, 'method_not_allowed'],
      ['OPTIONS /v1/responses', 405, 'method_not_allowed'],
      ['PUT /v1/chat/completions', 405, 'method_not_allowed'],
    ] as const) {
      const answer = await call(gateway, route, key);
      expect([answer.status, (await answer.json()) as unknown], route).toMatchObject([status, { error: { code } }]);
      expect((await call(gateway, route)).status, route).toBe(401);
    }
  });

  it('answers only about its health when it serves no clients', async () => {
    for (const route of Object.keys(surface)) {
      const expected = route.endsWith('/healthz') || route.endsWith('/readyz') ? 200 : 404;
      expect((await call(worker, route)).status, route).toBe(expected);
    }
  });
});

function call({ url }: GatewayUnderTest, route: string, credential?: string): Promise<Response> {
  const [method = '', path = ''] = route.split(' ');
  return fetch(`${url}${path.replace(':name', 'pools.list')}`, {
    method,
    headers: credential === undefined ? {} : { authorization: `Bearer ${credential}` },
    ...(method === 'GET' ? {} : { body: '{}' }),
  });
}
