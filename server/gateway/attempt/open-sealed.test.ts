import { expect, it } from 'vitest';
import { makeAsk, makeExchange } from '../../../test/support/exchange.ts';
import { quietLog } from '../../../test/support/quiet-log.ts';
import type { AccountFacts } from '../../accounts/account.ts';
import { createSealedOpener } from './open-sealed.ts';

it('looks no more up than the newest of what a body claims that somebody sealed', async () => {
  const input = Array.from({ length: 20_000 }, (_each, index) => ({
    type: 'reasoning',
    encrypted_content: `sealed ${index}`,
  }));
  const exchange = makeExchange({ ask: makeAsk({ body: Buffer.from(JSON.stringify({ model: 'gpt-5.5', input })) }) });
  let asked: readonly string[] = [];
  const opener = createSealedOpener(exchange, {
    continuity: {
      sealersOf(_exchange, contents) {
        asked = contents;
        return Promise.resolve(new Map());
      },
      noteShed: () => undefined,
      wasShedFor: () => true,
    },
    log: quietLog,
    eligible: () => null,
  });
  await opener.prepare({ id: 'anna' } as AccountFacts);
  expect([asked.length, asked.at(-1)]).toEqual([10_000, 'sealed 19999']);
  // All of it goes: nobody is known to have sealed the rest.
  expect(JSON.parse(String(exchange.shed?.body))).toEqual({ model: 'gpt-5.5', input: [] });
});
