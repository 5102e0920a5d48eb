import { describe, expect, it } from 'vitest';
import { renderResponses } from '../openai-responses/render-responses.ts';
import { expectCompaction } from './expect-compaction.ts';

const compaction = { type: 'compaction', id: 'cmp_1', encrypted_content: 'gAAA' };
const done = (item: unknown) => ({ type: 'response.output_item.done', output_index: 0, item });
const completed = (output: unknown[]) => ({ type: 'response.completed', response: { id: 'resp_1', output } });
const created = { type: 'response.created', response: { id: 'resp_1' } };
const message = { type: 'message', id: 'msg_1', role: 'assistant', content: [{ type: 'output_text', text: 'no' }] };

function rendering() {
  return expectCompaction(
    renderResponses({
      frame: { model: 'gpt-5.5', createdAt: 1, echo: {}, toolNameOf: (name) => name },
      showsEncrypted: false,
      makeId: (prefix) => `${prefix}_1`,
      nowSeconds: () => 1,
      failureOf: () => ({ status: 502, code: 'server_error', message: 'failed', type: 'server_error' }),
    }),
  );
}

const typesOf = (text: string) => [...text.matchAll(/^event: (.*)$/gm)].map(([, type]) => type);

describe('an answer that must hold a compaction', () => {
  it('is told from its beginning once the compaction is there', () => {
    const told = rendering();
    expect(told.push(created)).toBe('');
    expect(typesOf(told.push(done(compaction)))[0]).toBe('response.created');
    expect(typesOf(told.push(completed([])))).toEqual(['response.completed']);
    expect(told.ending).toBe('completed');
  });

  it('may bring it in its end alone', () => {
    const told = rendering();
    told.push(created);
    expect(typesOf(told.push(completed([compaction]))).at(-1)).toBe('response.completed');
  });

  it.each([
    ['nothing', []],
    ['a message', [message]],
    ['a compaction without content', [{ ...compaction, encrypted_content: ' ' }]],
    ['a compaction whose content is no text', [{ ...compaction, encrypted_content: 7 }]],
  ])('is refused when it ends with %s', (_name, output) => {
    const told = rendering();
    told.push(created);
    expect(() => told.push(completed(output))).toThrow('invalid_compaction_response');
    expect(told.ending).toBeNull();
  });

  it('says what broke it off, after its beginning', () => {
    const told = rendering();
    told.push(created);
    expect(() => told.push(completed([message]))).toThrow();
    const text = told.breakOff({
      status: 502,
      code: 'invalid_compaction_response',
      message: 'no',
      type: 'server_error',
    });
    expect(typesOf(text)).toEqual(['response.created', 'error']);
    expect(text).toContain('"code":"invalid_compaction_response"');
  });

  it('that failed is told as failed', () => {
    const told = rendering();
    told.push(created);
    const error = { code: 'server_error', message: 'oops' };
    const text = told.push({ type: 'response.failed', response: { id: 'resp_1', error } });
    expect(typesOf(text)).toEqual(['response.created', 'response.failed']);
    expect(told.ending).toBe('failed');
  });
});
