/** Turns as a client of the OpenAI surface sends them over a websocket. */
import type { Frame, SocketClient } from './socket-client.ts';

export const publicPath = '/v1/responses';

/** Sends a turn; fields that are given replace its own. */
export function askTurn(client: SocketClient, fields: object = {}): void {
  client.send(JSON.stringify({ type: 'response.create', model: 'gpt-5.5', input: 'hi', ...fields }));
}

/** Sends a turn and waits for its last frame. */
export async function publicTurn(client: SocketClient, fields: object = {}): Promise<Frame[]> {
  askTurn(client, fields);
  return client.answer();
}

/** What the last frame of an answer is like. */
export const completed = { type: 'response.completed' };
