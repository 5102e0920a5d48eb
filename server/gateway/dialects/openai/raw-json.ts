/**
 * JSON text with parts that stay as they were written. What the provider compares byte by byte (strict tool schemas,
 * whole tools) travels as the client's own text; the rest is rendered anew.
 */

/** A value in the client's own words. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Like `JSON.stringify`, with raw parts copied. Members that are undefined are left out. */
export function renderJson(value: unknown): string {
  if (value instanceof RawJson) return value.text;
  if (Array.isArray(value)) return `[${value.map((each) => renderJson(each ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${members.map(([name, each]) => `${JSON.stringify(name)}:${renderJson(each)}`).join(',')}}`;
}
