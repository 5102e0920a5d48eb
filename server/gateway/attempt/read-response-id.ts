/** The id of an answer, as a later request may go on from it. */

/** Ids are some sixty characters; what is far longer is none. */
const longestId = 1024;

/** null for anything that is no id. */
export function readResponseId(id: unknown): string | null {
  return typeof id === 'string' && id !== '' && id.length <= longestId ? id : null;
}
