import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../contract/gateway-error.ts';
import { inTermsOfFrame, type PublicTurn } from './read-public-turn.ts';

describe('a refusal that names an item of the whole conversation', () => {
  /** Two items were said earlier, one came with the frame. */
  const turn: PublicTurn = {
    document: { input: ['earlier', 'earlier', 'now'] },
    previousId: 'resp_1',
    before: [],
    items: ['now'],
    isWarmUp: false,
  };
  const refusal = (param: string) =>
    new GatewayError('invalid_request', { param, detail: `The field "${param}" is odd.` });

  it('names it by its place in the frame', () => {
    expect(inTermsOfFrame(refusal('input[2].role'), turn)).toMatchObject({
      code: 'invalid_request',
      param: 'input[0].role',
      detail: 'The field "input[0].role" is odd.',
    });
  });

  it('has the client send everything where the item came earlier', () => {
    for (const param of ['input[0].type', 'input[1]']) {
      expect(inTermsOfFrame(refusal(param), turn)).toMatchObject({
        code: 'previous_response_not_found',
        param: 'previous_response_id',
      });
    }
  });

  it('stays as it is where nothing was said earlier, or no item is named', () => {
    const whole = { ...turn, items: ['earlier', 'earlier', 'now'] };
    const odd = refusal('input[0].type');
    expect(inTermsOfFrame(odd, whole)).toBe(odd);
    for (const other of [refusal('tools[0]'), new GatewayError('invalid_request'), new Error('else')])
      expect(inTermsOfFrame(other, turn)).toBe(other);
  });
});
