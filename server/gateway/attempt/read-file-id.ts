/** The name the provider gives a new file, from its answer. Pure. */

/** What a file's name looks like; anything else is no name, and would be kept or sent on for nothing. */
export const fileIdPattern = /^[A-Za-z0-9][\w.-]{0,199}$/;

/** null when the answer names none. */
export function readFileId(body: Buffer): string | null {
  try {
    const answer: unknown = JSON.parse(body.toString('utf8'));
    const id = typeof answer === 'object' && answer !== null && 'file_id' in answer ? answer.file_id : null;
    return typeof id === 'string' && fileIdPattern.test(id) ? id : null;
  } catch {
    return null;
  }
}
