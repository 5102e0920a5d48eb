/**
 * The yardstick: the least a gateway in Node can do. `node:http` on both sides, connections kept, bytes piped, nothing
 * read and nothing remembered. `node scripts/bench/pipe.ts ORIGIN`
 */
import { Agent, createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';

const upstream = new URL(process.argv[2] ?? '');
// Otherwise 300 streams that end would close most of their connections, and the next 300 would pay for new ones.
const agent = new Agent({ keepAlive: true, maxFreeSockets: 4096 });

const server = createServer({ keepAliveTimeout: 75_000 }, (incoming, outgoing) => {
  const { connection: _hop, ...headers } = incoming.headers;
  const call = ask({
    agent,
    host: upstream.hostname,
    port: upstream.port,
    method: incoming.method,
    path: incoming.url,
    headers: { ...headers, host: upstream.host },
  });
  call.on('response', (answer) => {
    const { connection: _answerHop, 'keep-alive': _keepAlive, ...answerHeaders } = answer.headers;
    outgoing.writeHead(answer.statusCode ?? 502, answerHeaders);
    answer.pipe(outgoing);
    answer.on('error', () => outgoing.destroy());
  });
  call.on('error', () => outgoing.destroy());
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) call.destroy();
  });
  incoming.pipe(call);
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ ready: true, url: `http://127.0.0.1:${port}` });
});
for (const end of ['SIGTERM', 'SIGINT'] as const) process.once(end, () => process.exit());
process.once('disconnect', () => process.exit());
