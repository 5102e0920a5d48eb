import fc from 'fast-check';
import { expect, it } from 'vitest';
import { putMember, takeOutMembers } from './json-edits.ts';
import { scanObject, spliceSpans } from './json-spans.ts';

/** Objects of a few names, in any order, some of them to be taken out. */
const objects = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'type', 'stream_id'), { maxLength: 6 });
const spaces = fc.constantFrom('', ' ', '\n  ');

it('taking members out leaves the others as they were, in whatever order they stood', () => {
  fc.assert(
    fc.property(objects, objects, spaces, (names, out, space) => {
      const members = names.map((name, index) => `${space}"${name}"${space}:${space}{"x":[${index},"," ]}${space}`);
      const bytes = Buffer.from(`{${members.join(',') || space}}`);
      const left = spliceSpans(bytes, takeOutMembers({ bytes, start: 0, members: scanObject(bytes) }, out));
      const expected = names.flatMap((name, index) => (out.includes(name) ? [] : [[name, { x: [index, ','] }]]));
      expect(JSON.parse(left.toString())).toEqual(Object.fromEntries(expected));
      for (const [index, name] of names.entries())
        if (!out.includes(name)) expect(left.toString()).toContain(members[index]?.trim());
    }),
  );
});

it('a member may be put in while others are taken out', () => {
  for (const text of [
    '{"model":"m","type":"x"}',
    '{"type":"x","model":"m"}',
    '{"type":"x","model":"m","generate":1}',
  ]) {
    const bytes = Buffer.from(text);
    const place = { bytes, start: 0, members: scanObject(bytes) };
    const edits = [...takeOutMembers(place, ['type', 'generate']), ...putMember(place, { key: 'stream', value: true })];
    expect(spliceSpans(bytes, edits).toString()).toBe('{"model":"m","stream":true}');
  }
});
