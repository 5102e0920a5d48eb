/** An answer that must hold a compaction: nothing of it is told before that is there (gateway spec 13). */
import { GatewayError } from '../../../contract/gateway-error.ts';
import type { AnswerRendering } from '../dialect.ts';
import { holdsCompaction } from './holds-compaction.ts';
import { recordOf } from './json-record.ts';

const goodEnds: readonly unknown[] = ['response.completed', 'response.done', 'response.incomplete'];

/** An end without one is refused by `push`, with `invalid_compaction_response`. */
export function expectCompaction(rendering: AnswerRendering): AnswerRendering {
  let held = '';
  let isFound = false;

  function release(more: string): string {
    const text = held + more;
    held = '';
    return text;
  }

  return {
    push(event) {
      const { type, item, response } = event;
      isFound ||= type === 'response.output_item.done' && holdsCompaction([item]);
      isFound ||= goodEnds.includes(type) && holdsCompaction(recordOf(response)['output']);
      // Refused before it is told as an end: what breaks off can still be said of a stream that began.
      if (!isFound && goodEnds.includes(type)) throw new GatewayError('invalid_compaction_response');
      const text = rendering.push(event);
      if (isFound || rendering.ending !== null) return release(text);
      held += text;
      return '';
    },
    breakOff: (failure) => release(rendering.breakOff(failure)),
    document: () => rendering.document(),
    get ending() {
      return rendering.ending;
    },
  };
}
