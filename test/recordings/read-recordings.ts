/** Recorded requests of real clients, made sendable: texts of our own fill the places where texts were left out. */
import { readdirSync, readFileSync } from 'node:fs';
import { zstdCompressSync } from 'node:zlib';

export interface RecordedAsk {
  /** Version of the CLI. */
  readonly codex: string;
  readonly situation: string;
  readonly path: string;
  readonly encoding: 'zstd' | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Readonly<Record<string, unknown>>;
}

const folder = new URL('requests/', import.meta.url);

/** All of them, oldest version first. */
export function readRecordings(): RecordedAsk[] {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted();
  return files.flatMap((name) => {
    const { codex, requests } = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as {
      codex: string;
      requests: Omit<RecordedAsk, 'codex'>[];
    };
    return requests.map((request) => ({ codex, ...request }));
  });
}

/**
 * The body as bytes. Its texts hold an escape that no serialiser would write again, so a body that was parsed and
 * written anew on the way differs from this one.
 *
 * @param encrypt makes the content of an item that only one account can read, from the item's id
 */
export function writeBody({ body }: RecordedAsk, encrypt: (itemId: string) => string): Buffer {
  const json = JSON.stringify(body, function (this: Record<string, unknown>, _key, value: unknown) {
    if (value === '<encrypted>') return encrypt(String(this['id']));
    return typeof value === 'string'
      ? value.replace(/<text of (\d+) characters>/g, (_, n: string) => words(+n))
      : value;
  });
  return Buffer.from(json.replaceAll('ü', '\\u00fc'));
}

/** The body as it travels. */
export function encodeBody(body: Buffer, { encoding }: RecordedAsk): Buffer {
  return encoding === 'zstd' ? zstdCompressSync(body) : body;
}

const sentence = 'Über allen Wipfeln ist Ruh, "fünf" Wörter\tund 🌲 dazu. ';

function words(length: number): string {
  return sentence.repeat(Math.ceil(length / sentence.length)).slice(0, length);
}
