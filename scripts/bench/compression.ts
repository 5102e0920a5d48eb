/**
 * What request compression costs a large conversation, and how long it keeps every other stream of the process waiting
 * at once. By the functions that serve requests, in this process alone: nothing is asked of anybody.
 */
import { createCompressor } from '../../server/gateway/compression/compressor.ts';
import { loadTokenCounter } from '../../server/gateway/compression/token-counter.ts';
import { systemClock } from '../../server/world/real-world.ts';
import { quietLog } from '../../test/support/quiet-log.ts';
import { conversationBody, outputCount } from './compression-conversation.ts';
import { milliseconds, percent } from './number-texts.ts';
import { percentile } from './statistics.ts';
import type { Table } from './table.ts';

/** Conversations per round; the middle one of the best round counts, because other programs only ever make it slower. */
const conversationsPerRound = 12;

const looks = {
  off: 'off',
  first: 'first look',
  next: 'next turn of the same conversation',
} as const;
export type Look = keyof typeof looks;

export interface CompressionCost {
  readonly look: Look;
  readonly ms: number;
  /** The longest that the event loop was held without a turn: of the middle conversation, and of the worst. */
  readonly heldMs: number;
  readonly worstHeldMs: number;
  /** Of the body's bytes, so many were sent. */
  readonly sentShare: number;
}

export async function measureCompression({ rounds }: { rounds: number }): Promise<CompressionCost[]> {
  const best = new Map<Look, CompressionCost>();
  // One round more: the first only makes the functions warm.
  for (let round = 0; round <= rounds; round += 1) {
    for (const cost of await measureRound(round * conversationsPerRound)) {
      const before = best.get(cost.look);
      if (round > 0 && (!before || cost.ms < before.ms)) best.set(cost.look, cost);
    }
  }
  return [...best.values()];
}

export function compressionTable(costs: readonly CompressionCost[]): Table {
  return {
    title: `Shortening the ${outputCount} tool outputs of 1 MiB (p50, ms)`,
    columns: [
      { title: 'Request compression', align: 'left' },
      { title: 'takes', align: 'right' },
      { title: 'holds the loop at most', align: 'right' },
      { title: 'the worst', align: 'right' },
      { title: 'sent of the body', align: 'right' },
    ],
    rows: costs.map(({ look, ms, heldMs, worstHeldMs, sentShare }) => [
      looks[look],
      milliseconds(ms),
      milliseconds(heldMs),
      milliseconds(worstHeldMs),
      percent(sentShare),
    ]),
  };
}

async function measureRound(from: number): Promise<CompressionCost[]> {
  const { compress } = createCompressor({ clock: systemClock, log: quietLog, loadTokenCounter });
  const costs: Record<Look, Measured[]> = { off: [], first: [], next: [] };
  await compress({ id: 'warm', body: Buffer.from('{}') });
  for (let number = from; number < from + conversationsPerRound; number += 1) {
    const body = conversationBody(number, { turns: outputCount - 1 });
    const longer = conversationBody(number, { turns: outputCount });
    costs.off.push(await measureOne(body, async () => body));
    costs.first.push(await measureOne(body, async () => (await compress({ id: 'first', body })).body));
    costs.next.push(await measureOne(longer, async () => (await compress({ id: 'next', body: longer })).body));
  }
  return (Object.keys(looks) as Look[]).map((look) => ({
    look,
    ms: percentile(
      costs[look].map(({ ms }) => ms),
      0.5,
    ),
    heldMs: percentile(
      costs[look].map(({ heldMs }) => heldMs),
      0.5,
    ),
    worstHeldMs: percentile(
      costs[look].map(({ heldMs }) => heldMs),
      1,
    ),
    sentShare: percentile(
      costs[look].map(({ sentShare }) => sentShare),
      0.5,
    ),
  }));
}

interface Measured {
  readonly ms: number;
  readonly heldMs: number;
  readonly sentShare: number;
}

/** Beside it the loop turns as fast as it can: the longest time between two turns is what others would wait. */
async function measureOne(body: Buffer, send: () => Promise<Buffer>): Promise<Measured> {
  let isDone = false;
  let heldMs = 0;
  let lastTurn = performance.now();
  const turned = new Promise<void>((resolve) => {
    const turn = () => {
      const now = performance.now();
      heldMs = Math.max(heldMs, now - lastTurn);
      lastTurn = now;
      if (isDone) resolve();
      else setImmediate(turn);
    };
    setImmediate(turn);
  });
  const began = performance.now();
  const sent = await send();
  const ms = performance.now() - began;
  isDone = true;
  await turned;
  return { ms, heldMs, sentShare: sent.length / body.length };
}
