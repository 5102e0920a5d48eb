import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CatalogUnreadable, splitCatalog } from './split-catalog.ts';
import { renderCatalog, unionCatalog } from './union-catalog.ts';

const odd = '{ "caf\\u00e9":"\\/x", "ratio" :1.50e+1,\n\t"slug" : "gpt-odd" , "big":12345678901234567890 }';
const list = (...entries: string[]) => Buffer.from(`{"models":[${entries.join(', ')}]}`);
const entry = (slug: string, extra = '') => `{"slug":"${slug}"${extra}}`;
const of = (accountId: string, body: Buffer, etag: string | null = null) => ({ accountId, body, etag });
const slugsOf = (bytes: Buffer) => splitCatalog(bytes).map(({ slug }) => slug);

describe('taking a list apart', () => {
  it('keeps every entry byte for byte', () => {
    const [first, second] = splitCatalog(list(entry('a'), odd));
    expect(first!.bytes.toString()).toBe(entry('a'));
    expect([second!.slug, second!.bytes.toString()]).toEqual(['gpt-odd', odd]);
  });

  it('takes the list under models or data, or alone', () => {
    expect(slugsOf(Buffer.from('{"etag":1,"models":[{"slug":"a"}]}'))).toEqual(['a']);
    expect(slugsOf(Buffer.from('{"object":"list","data":[{"id":"b"}]}'))).toEqual(['b']);
    expect(slugsOf(Buffer.from(' [ {"slug":"c"} ] '))).toEqual(['c']);
  });

  it('leaves out what names no model, and a model named twice', () => {
    expect(
      slugsOf(list('7', '{}', '{"slug":null}', '{"slug":""}', entry('a', ',"n":1'), entry('a', ',"n":2'))),
    ).toEqual(['a']);
  });

  it.each([['', '{"models":{}}', '{"error":"x"}', '{"models":[', 'null', '<html>']].flat())('refuses %j', (text) => {
    expect(() => splitCatalog(Buffer.from(text))).toThrow(CatalogUnreadable);
  });

  it('throws nothing else, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((models) => JSON.stringify({ models })),
        ),
        (text) => {
          try {
            splitCatalog(Buffer.from(text));
          } catch (error) {
            expect(error).toBeInstanceOf(CatalogUnreadable);
          }
        },
      ),
    );
  });
});

describe('one list for a Pool', () => {
  it('starts with the oldest account and adds what others have, the first entry of a model winning', () => {
    const union = unionCatalog([
      of('1', list(entry('a', ',"by":1'), odd)),
      of('2', list(entry('b'), entry('a', ',"by":2'))),
    ]);
    expect(union.body.toString()).toBe(`{"models":[${entry('a', ',"by":1')},${odd},${entry('b')}]}`);
    expect(union.isOneCatalog).toBe(false);
    expect(union.etag).toMatch(/^W\/"[\w-]{22}"$/);
  });

  it("keeps the provider's ETag while all accounts have the same list", () => {
    const body = list(entry('a'));
    expect(unionCatalog([of('1', body, 'W/"x"'), of('2', Buffer.from(body), 'W/"x"')])).toMatchObject({
      etag: 'W/"x"',
      isOneCatalog: true,
    });
    expect(unionCatalog([of('1', body, 'W/"x"'), of('2', list(entry('b')), 'W/"y"')]).etag).not.toMatch(/"[xy]"/);
  });

  it('is an empty list without accounts', () => {
    expect(unionCatalog([])).toMatchObject({ isOneCatalog: false, entries: [] });
    expect(unionCatalog([]).body.toString()).toBe('{"models":[]}');
  });

  it('names its content: a part of it has another ETag, the same part the same', () => {
    const { entries } = unionCatalog([of('1', list(entry('a'), entry('b')))]);
    const some = renderCatalog(entries.slice(0, 1));
    expect(some.body.toString()).toBe(`{"models":[${entry('a')}]}`);
    expect(some.etag).toBe(renderCatalog(entries.slice(0, 1)).etag);
    expect(some.etag).not.toBe(renderCatalog(entries).etag);
  });

  it('is always a readable list with each model once', () => {
    const slugs = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 5 });
    fc.assert(
      fc.property(fc.array(slugs, { maxLength: 4 }), (lists) => {
        const catalogs = lists.map((names, index) =>
          of(String(index), list(...names.map((name) => entry(name, `,"n":${index}`)))),
        );
        const { body, etag } = unionCatalog(catalogs);
        expect(slugsOf(body)).toEqual([...new Set(lists.flat())]);
        expect(unionCatalog(catalogs).etag).toBe(etag);
      }),
    );
  });
});
