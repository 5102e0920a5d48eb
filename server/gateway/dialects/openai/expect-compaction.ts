/** An answer that must hold a compaction: nothing of it is told before that is there (gateway spec 13). */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { recordOf } from '../../../lib/json-values.ts';
import type { AnswerRendering } from '../dialect.ts';
import { holdsCompaction } from './holds-compaction.ts';

const goodEnds: readonly unknown[] = ['response.completed', 'response.done', 'response.incomplete'];

/** An end without one is refused by `push`, with `invalid_compaction_response`. */
export function expectCompaction<Told extends string | readonly unknown[]>(
  rendering: AnswerRendering<Told>,
): AnswerRendering<Told> {
  let held: Told | null = null;
  let isFound = false;

  function release(more: Told): Told {
    const told = held === null ? more : joined(held, more);
    held = null;
    return told;
  }

  return {
    push(event) {
      const { type, item, response } = event;
      isFound ||= type === 'response.output_item.done' && holdsCompaction([item]);
      isFound ||= goodEnds.includes(type) && holdsCompaction(recordOf(response)['output']);
      // Refused before it is told as an end: what breaks off can still be said of a stream that began.
      if (!isFound && goodEnds.includes(type)) throw new GatewayError('invalid_compaction_response');
      const told = release(rendering.push(event));
      if (isFound || rendering.ending !== null) return told;
      held = told;
      return told.slice(0, 0) as Told;
    },
    breakOff: (failure) => release(rendering.breakOff(failure)),
    document: () => rendering.document(),
    get ending() {
      return rendering.ending;
    },
    get failure() {
      return rendering.failure;
    },
  };
}

/** Texts and lists are joined alike. */
function joined<Told extends string | readonly unknown[]>(left: Told, right: Told): Told {
  return left.concat(right as never) as Told;
}
