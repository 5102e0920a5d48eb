/** The websocket client of the `openai` library, as applications use it. */
import { beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../../server/lib/json-values.ts';
import type { Loose } from '../support/ask-public.ts';
import { installLibrary } from '../support/node-clients.ts';
import { answers, lookUp, model, useClientScene, type Make } from './client-scene.ts';

interface Lifecycle {
  readonly type: 'connecting' | 'open' | 'message' | 'error' | 'close';
  readonly message: Loose;
  readonly error: { readonly message: string; readonly error: Loose };
}
interface Socket extends AsyncIterable<Lifecycle> {
  send(event: object): void;
  close(): void;
}

const scene = useClientScene();
let OpenAi: Make<object>;
let ResponsesWs: new (client: object) => Socket;
beforeAll(async () => {
  const load = await installLibrary('openai');
  ({ default: OpenAi } = load('openai') as { default: Make<object> });
  ({ ResponsesWS: ResponsesWs } = load('openai/resources/responses/ws') as { ResponsesWS: typeof ResponsesWs });
});

/** A socket, and turns over it one after the other. */
function open(apiKey = scene.key) {
  const socket = new ResponsesWs(new OpenAi({ baseURL: `${scene.bench.gateway.url}/v1`, apiKey }));
  const happenings = socket[Symbol.asyncIterator]();
  /** Events up to the last of an answer. @throws what the library makes of an error. */
  async function turn(fields: object = {}): Promise<Loose[]> {
    socket.send({ type: 'response.create', model, input: 'hi', store: false, ...fields });
    const events: Loose[] = [];
    for (;;) {
      const { value } = (await happenings.next()) as { value: Lifecycle };
      if (value.type === 'error') throw value.error;
      if (value.type !== 'message') continue;
      events.push(value.message);
      if (/^response\.(?:completed|failed|incomplete)$/.test(textOf(value.message['type']))) return events;
    }
  }
  return { turn, close: () => socket.close() };
}

const responseOf = (events: readonly Loose[]) => events.at(-1)?.['response'] ?? ({} as Loose);
const textIn = (events: readonly Loose[]) =>
  events
    .map((event) => (textOf(event['type']) === 'response.output_text.delta' ? textOf(event['delta']) : ''))
    .join('');

describe('the websocket client of openai', () => {
  it('streams answers, one after the other over one socket', async () => {
    const { turn, close } = open();
    scene.anna.answers('one').thenAnswers('two');
    expect([textIn(await turn()), textIn(await turn())]).toEqual(['one', 'two']);
    close();
    expect(await scene.bench.settled(2)).toMatchObject([{ status: 'succeeded' }, { status: 'succeeded' }]);
  });

  it('sends the result of a tool alone, and goes on from the answer that asked for it', async () => {
    const { turn, close } = open();
    scene.anna.answers(answers.toolCall).thenAnswers(answers.toolCall);
    const tools = [{ type: 'function', ...lookUp }];
    const first = responseOf(await turn({ tools }));
    const [call] = (first['output'] as unknown as Loose[]).filter((item) => textOf(item['type']) === 'function_call');
    expect(call).toMatchObject({ name: 'look_up', arguments: '{"city":"Rome"}' });
    const input = [{ type: 'function_call_output', call_id: call?.['call_id'], output: 'rain' }];
    expect(textIn(await turn({ tools, input, previous_response_id: first['id'] }))).toBe('It rains.');
    close();
  });

  it('begins with a warm-up', async () => {
    const { turn, close } = open();
    const warm = responseOf(await turn({ generate: false, input: [], instructions: 'be brief' }));
    expect(warm).toMatchObject({ status: 'completed', output: [] });
    scene.anna.answers('warm');
    expect(textIn(await turn({ previous_response_id: warm['id'] }))).toBe('warm');
    expect(scene.asks()).toHaveLength(1);
    close();
  });

  it('understands what it is refused, and goes on', async () => {
    const { turn, close } = open();
    await expect(turn({ previous_response_id: 'resp_unheard_of' })).rejects.toMatchObject({
      message: expect.stringContaining('previous response') as string,
      error: { status: 400, error: { code: 'previous_response_not_found' } },
    });
    await expect(turn({ model: 'no-such-model' })).rejects.toMatchObject({
      error: { status: 404, error: { code: 'model_not_found', param: 'model' } },
    });
    scene.anna.dropsAfter(2);
    await expect(turn()).rejects.toMatchObject({ error: { status: 502, error: { code: 'stream_incomplete' } } });
    scene.anna.answers('at last');
    expect(textIn(await turn())).toBe('at last');
    close();
  });

  it('is told of a wrong key before there is a socket', async () => {
    const { turn, close } = open('sk-cxp-none');
    await expect(turn()).rejects.toMatchObject({ message: expect.stringContaining('401') as string });
    close();
  });
});
