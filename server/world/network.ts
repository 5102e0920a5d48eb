/** Calls to the provider. The only importer of undici: connection pools and time limits live here. */
import { Agent, request } from 'undici';
import { httpAnswer } from './http-answer.ts';
import { networkFault } from './network-fault.ts';
import { lookupPublic } from './public-address.ts';
import { createWebsockets } from './websockets.ts';
import type { CallPurpose, HttpAnswer, HttpCall, Network } from './world.ts';

/** Peers give a TCP and TLS handshake 8–15 s (wire spec B16). */
const connectMs = 10_000;

/**
 * Connections per purpose and origin. Inference is bounded by admission, so its pool is only a ceiling against runaway;
 * the others are rare calls.
 */
const connections: Record<CallPurpose, number> = { inference: 4096, account: 16, auth: 8, storage: 8 };

/** The real network. `stop()` ends every connection that is left. */
export function createNetwork(): Network & { stop(): Promise<void> } {
  const agents = new Map<CallPurpose, Agent>();
  /** Agents that take no more calls; each is forgotten when its last call has ended. */
  const retired = new Set<Agent>();
  openAgents();

  function openAgents(): void {
    for (const purpose of Object.keys(connections) as CallPurpose[]) agents.set(purpose, createAgent(purpose));
  }

  function dropIdle(): void {
    const old = [...agents.values()];
    openAgents();
    for (const agent of old) {
      retired.add(agent);
      // Idle connections end at once, the others with their call. A stop may destroy it first.
      void agent
        .close()
        .catch(() => undefined)
        .then(() => retired.delete(agent));
    }
  }

  async function call(
    purpose: CallPurpose,
    { method, url, headers, body, signal, headersMs }: HttpCall,
  ): Promise<HttpAnswer> {
    const dispatcher = agents.get(purpose);
    if (!dispatcher) throw new TypeError(`no connections for ${purpose}`);
    try {
      const answer = await request(url, {
        dispatcher,
        method,
        headers: headers.flat(),
        body: body ?? null,
        signal,
        headersTimeout: headersMs,
      });
      return httpAnswer(answer.body, { status: answer.statusCode, headers: answer.headers, signal });
    } catch (error) {
      throw networkFault(error, signal);
    }
  }

  const websockets = createWebsockets();

  async function stop(): Promise<void> {
    websockets.stop();
    await Promise.all([...agents.values(), ...retired].map((agent) => agent.destroy()));
  }

  return { call, openWebsocket: websockets.open, dropIdle, stop };
}

function createAgent(purpose: CallPurpose): Agent {
  return new Agent({
    connections: connections[purpose],
    // Where storage is, the provider's answers say: a name must not lead into this machine's own network.
    connect: { timeout: connectMs, ...(purpose === 'storage' && { lookup: lookupPublic }) },
    // Idle limits of a stream belong to the gateway, which can tell silence from a slow answer.
    bodyTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: 30_000,
  });
}
