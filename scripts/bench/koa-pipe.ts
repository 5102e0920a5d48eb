/**
 * The second yardstick: the frameworks the gateway is built on, with nothing of the gateway. Koa in front, undici
 * behind, bytes passed through. `node scripts/bench/koa-pipe.ts ORIGIN`
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { Agent, type Dispatcher } from 'undici';

const origin = process.argv[2] ?? '';
const agent = new Agent({ connections: 4096, bodyTimeout: 0, headersTimeout: 0 });

const koa = new Koa();
koa.use(async (ctx) => {
  ctx.respond = false;
  const { connection: _hop, host: _host, ...headers } = ctx.req.headers;
  const gone = new AbortController();
  ctx.res.once('close', () => gone.abort());
  try {
    await agent.stream(
      {
        origin,
        method: ctx.method as Dispatcher.HttpMethod,
        path: ctx.url,
        headers,
        body: ctx.req,
        signal: gone.signal,
      },
      ({ statusCode, headers: answerHeaders }) => {
        const { connection: _answerHop, 'keep-alive': _keepAlive, ...rest } = answerHeaders;
        return ctx.res.writeHead(statusCode, rest);
      },
    );
  } catch {
    ctx.res.destroy(); // The load process sees it and counts the request as failed.
  }
});

const handle = koa.callback();
const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => void handle(request, response));
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ ready: true, url: `http://127.0.0.1:${port}` });
});
for (const end of ['SIGTERM', 'SIGINT'] as const) process.once(end, () => process.exit());
process.once('disconnect', () => process.exit());
