import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { figureOf, termsOf } from './limit-words.ts';
import { limitUnits, limitWindowsOf, type LimitUnit } from './vocabulary.ts';

describe('a limit in words', () => {
  it.each([
    [{ unit: 'requests', window: 'minute', model: null, maximum: 1 }, '1 request per minute'],
    [{ unit: 'requests', window: 'day', model: null, maximum: 0 }, '0 requests per day'],
    [{ unit: 'requests', window: 'week', model: 'gpt-5.5', maximum: 20_000 }, '20,000 requests per week for gpt-5.5'],
    [{ unit: 'concurrency', window: 'now', model: null, maximum: 1 }, '1 request at once'],
    [{ unit: 'concurrency', window: 'now', model: null, maximum: 2 }, '2 requests at once'],
    [{ unit: 'input_tokens', window: 'request', model: null, maximum: 1 }, '1 input token per request'],
    [{ unit: 'output_tokens', window: 'five_hours', model: null, maximum: 9 }, '9 output tokens per five hours'],
    [{ unit: 'total_tokens', window: 'month', model: null, maximum: 1_500_000 }, '1,500,000 tokens per month'],
    [{ unit: 'cost_micros', window: 'month', model: null, maximum: 20_000_000 }, '$20.00 per month'],
    [{ unit: 'cost_micros', window: 'day', model: null, maximum: 125 }, '$0.000125 per day'],
    [{ unit: 'cost_micros', window: 'day', model: null, maximum: 1 }, '$0.000001 per day'],
  ] as const)('reads %j as %s', (limit, expected) => {
    expect(termsOf(limit)).toBe(expected);
  });

  it('is singular for one alone, in every unit and window', () => {
    const units = Object.keys(limitUnits) as LimitUnit[];
    const someLimit = fc
      .constantFrom(...units)
      .chain((unit) => fc.record({ unit: fc.constant(unit), window: fc.constantFrom(...limitWindowsOf[unit]) }));
    fc.assert(
      fc.property(someLimit, fc.nat(), (limit, maximum) => {
        fc.pre(limit.unit !== 'cost_micros');
        const noun = / (?:input |output )?(\w+) /.exec(termsOf({ ...limit, model: null, maximum }))?.[1];
        expect(noun).toMatch(maximum === 1 ? /^(?:request|token)$/ : /^(?:request|token)s$/);
      }),
    );
  });

  it('loses no part of an amount of money', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), (micros) => {
        const told = Number(figureOf('cost_micros', micros).replaceAll(/[$,]/g, ''));
        expect(Math.round(told * 1e6)).toBe(micros);
      }),
    );
  });
});
