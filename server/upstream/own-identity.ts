/**
 * Who we say we are on calls of our own. Calls made for a client carry the client's identity instead; nowhere do we
 * pretend to be a browser or the Codex CLI.
 */

/** The `originator` of our own calls. */
const ownOriginator = 'codex_pooler';

/** Identity headers of our own calls, `version` being the program's. */
export function ownIdentityHeaders(version: string): readonly (readonly [string, string])[] {
  return [
    ['originator', ownOriginator],
    ['user-agent', `${ownOriginator}/${version}`],
  ];
}
