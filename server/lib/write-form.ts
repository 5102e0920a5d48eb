/** Writes a multipart form with one file, as RFC 7578 has it. */

export interface WrittenForm {
  /** Must not occur in any of the values; a random one does not. */
  readonly boundary: string;
  /** Names are the program's own, so they need no escapes. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly file: { readonly field: string; readonly name: string; readonly bytes: Buffer };
}

/** @example writeForm({ boundary, fields: [['prompt', 'names']], file: { field: 'file', name: 'a.wav', bytes } }) */
export function writeForm({ boundary, fields, file }: WrittenForm): Buffer {
  const head = fields.map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const disposition = `content-disposition: form-data; name="${file.field}"; filename="${file.name}"`;
  return Buffer.concat([
    Buffer.from(`${head.join('')}--${boundary}\r\n${disposition}\r\ncontent-type: application/octet-stream\r\n\r\n`),
    file.bytes,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}
