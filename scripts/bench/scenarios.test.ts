import { describe, expect, it } from 'vitest';
import { scenarioNamed, scenarios, streamBody } from './scenarios.ts';

describe('the requests of the benchmark', () => {
  it.each([12_000, 200_000])('have exactly the size they are named after: %i bytes', (bytes) => {
    const body = streamBody(bytes);
    expect(Buffer.byteLength(body)).toBe(bytes);
    const { input } = JSON.parse(body) as { input: { type: string }[] };
    const calls = input.filter(({ type }) => type === 'function_call');
    expect(calls.length).toBeGreaterThan(0);
    expect(input.filter(({ type }) => type === 'function_call_output')).toHaveLength(calls.length);
  });

  it('can be asked for by name, and a wrong name is told the right ones', () => {
    expect(scenarioNamed('stream-12k')).toBe(scenarios[1]);
    expect(() => scenarioNamed('stream')).toThrow(/small-json, stream-12k, stream-200k, paced-300/);
  });
});
