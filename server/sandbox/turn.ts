/** One inference request that passed the checks, as the behaviours see it: the ask, the account and where ids come from. */
import type { Clock, Random } from '../world/world.ts';
import type { Account } from './account.ts';
import type { Ids } from './ids.ts';

/** What every part of the sandbox works with. */
export interface Parts {
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
}

/** An entry of `input`. Unknown types are legal, so everything but the type is optional. */
export interface InputItem {
  readonly type?: string;
  readonly role?: string;
  readonly id?: string;
  readonly call_id?: string;
  readonly content?: unknown;
  readonly encrypted_content?: unknown;
  readonly [key: string]: unknown;
}

/** A readable inference request. */
export interface Ask {
  readonly transport: 'http' | 'websocket';
  readonly path: string;
  readonly model: string;
  /** The lite dialect was announced, by header or in `client_metadata` (wire spec A3). */
  readonly lite: boolean;
  /** `generate: false` over websocket (wire spec A7.1). */
  readonly prewarm: boolean;
  readonly input: readonly InputItem[];
  readonly previousResponseId: string | undefined;
  readonly effort: string | undefined;
  readonly threadId: string | undefined;
  /** Turn state the request brought along. */
  readonly turnState: string | undefined;
}

export interface Turn {
  readonly parts: Parts;
  readonly account: Account;
  readonly ask: Ask;
  /** `resp_sandbox_7`. */
  readonly responseId: string;
  /** The state this answer hands out: the one that came in, or a new one. */
  readonly turnState: string;
  /** Unix seconds. */
  readonly createdAt: number;
}

/** The words of the newest user message, or an empty text. */
export function lastUserText(ask: Ask): string {
  const message = ask.input.findLast((item) => item.type === 'message' && item.role === 'user');
  if (typeof message?.content === 'string') return message.content;
  if (!Array.isArray(message?.content)) return '';
  return message.content.map((part: { text?: unknown }) => (typeof part.text === 'string' ? part.text : '')).join(' ');
}

/** The client brings the result of a tool call, so the model's turn is to speak. */
export function bringsToolOutput(ask: Ask): boolean {
  const last = ask.input.at(-1)?.type;
  return last !== undefined && last.endsWith('_output');
}
