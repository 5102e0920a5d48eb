/** A large conversation with tool outputs of all kinds, made up anew for each number, for measuring what shortening costs. */

/** Tool outputs of the conversation, and bytes of each: about one MiB of input. */
export const outputCount = 50;
const outputBytes = 20_000;

type Line = (index: number, salt: number) => string;

const names = ['kettle', 'harbour', 'lantern', 'meadow', 'orchid', 'pebble', 'quarry', 'saddle', 'timber', 'willow'];
const nameOf = (index: number) => names[index % names.length]!;

const buildLine: Line = (index, salt) =>
  index % 97 === 96
    ? `warning: unused variable: \`${nameOf(index)}_${salt}\``
    : `   Compiling ${nameOf(index * 7 + salt)}-${nameOf(index)} v${salt % 90}.${index}.${index % 5}`;

const serviceLine: Line = (index, salt) =>
  `2026-03-04T10:${String(index % 60).padStart(2, '0')}:07.${salt % 1_000}Z INFO ${nameOf(index)} served /${nameOf(index + salt)}/${index} in ${(index * salt) % 400} ms`;

const matchLine: Line = (index, salt) =>
  `src/${nameOf(index / 9 + salt)}/${nameOf(index / 30)}-${salt}.ts:${index + 11}:  const ${nameOf(index)} = read${index}(${nameOf(salt + index)});`;

const sourceLine: Line = (index, salt) =>
  index % 6 === 5
    ? '}'
    : `  ${nameOf(index)}${salt}.push(${nameOf(index + salt)}[${index}] ?? other(${salt}, '${nameOf(index + 3)}'));`;

const proseLine: Line = (index, salt) =>
  `The ${nameOf(index)} stood by the ${nameOf(index + salt)} for ${index + salt} days, and nobody knew who had left it there.`;

/** So many lines as fill an output. */
function linesOf(line: Line, salt: number): string {
  const lines: string[] = [];
  for (let bytes = 0, index = 0; bytes < outputBytes; index += 1) {
    lines.push(line(Math.floor(index), salt));
    bytes += lines.at(-1)!.length + 1;
  }
  return lines.join('\n');
}

function documentOf(salt: number): string {
  const rows = Array.from({ length: 130 }, (_each, index) => ({
    id: index * salt,
    name: `${nameOf(index)} ${nameOf(index + salt)}`,
    isOpen: index % 2 === 0,
    tags: [nameOf(index + 1), nameOf(salt)],
  }));
  return JSON.stringify({ rows }, null, 2);
}

function diffOf(salt: number): string {
  const files = Array.from({ length: 8 }, (_each, file) => {
    const hunks = [0, 1].map((hunk) => {
      const lines = Array.from({ length: 24 }, (_line, index) => ` ${sourceLine(index + 24 * hunk + file, salt)}`);
      lines.splice(12, 1, `-${sourceLine(file, salt)}`, `+${sourceLine(file + 1, salt)}`);
      return [`@@ -${hunk * 90 + 10},24 +${hunk * 90 + 10},24 @@`, ...lines].join('\n');
    });
    return [`--- a/src/${nameOf(file)}.ts`, `+++ b/src/${nameOf(file)}.ts`, ...hunks].join('\n');
  });
  return files.join('\n');
}

const outputs: readonly ((salt: number) => string)[] = [
  (salt) => linesOf(buildLine, salt),
  (salt) => linesOf(matchLine, salt),
  (salt) => linesOf(sourceLine, salt),
  documentOf,
  (salt) => linesOf(serviceLine, salt),
  diffOf,
  (salt) => linesOf(proseLine, salt),
];

/**
 * The body of one request: `turns` calls of a shell and what each said. The same number makes the same conversation, and
 * more turns begin with the bytes of fewer.
 */
export function conversationBody(number: number, { turns }: { turns: number }): Buffer {
  const input = Array.from({ length: turns }, (_each, turn) => {
    const id = `call_${number}_${turn}`;
    const text = outputs[turn % outputs.length]!(number * 1_000 + turn + 1);
    return [
      { type: 'function_call', call_id: id, name: 'exec_command', arguments: '{"cmd":"make"}' },
      { type: 'function_call_output', call_id: id, output: `Exit code: 0\nOutput:\n${text}` },
    ];
  });
  return Buffer.from(JSON.stringify({ model: 'gpt-6.1-sol', stream: true, input: input.flat() }));
}
