/**
 * Reads an `auth.json` of the Codex CLI in all the forms it had (wire spec B6). Pure. What it refuses it names in plain
 * words; it never repeats anything the file holds.
 */
import { GatewayError } from '../contract/gateway-error.ts';
import { isRecord, parseJson, recordOf } from '../lib/json-values.ts';
import { rowOf } from '../lib/row-of.ts';
import { readClaims, readJwtClaims, type JwtClaims } from '../security/tokens.ts';
import type { AccountIdentity } from './sign-in-store.ts';

/** A ChatGPT sign-in ready to be stored. */
export interface ImportedSignIn {
  readonly identity: AccountIdentity;
  readonly accessToken: string;
  readonly refreshToken: string;
}

type Fields = Readonly<Record<string, unknown>>;

const signInAgain = 'Run "codex login", sign in with ChatGPT, and import the new file.';

/**
 * The sign-in of an auth.json. An access token that has expired is fine, since the refresh token brings a new one.
 *
 * @throws GatewayError `unsupported_auth_json` for a file that holds another kind of credential, `invalid_auth_json` for
 * one that lacks a part; `detail` says which
 */
export function readAuthJson(text: string): ImportedSignIn {
  const file = parseFile(text);
  const tokens = file['tokens'];
  if (!isRecord(tokens)) throw otherKind(file);
  refuseOtherMode(file['auth_mode']);

  const accessToken = tokenOf(tokens['access_token']);
  if (accessToken === null) throw invalid(`It has no access token. ${signInAgain}`);
  const refreshToken = tokenOf(tokens['refresh_token']);
  if (refreshToken === null) throw invalid(`It has no refresh token, so it would stop working soon. ${signInAgain}`);
  const identity = identityOf({ file, tokens, accessToken });
  return { identity, accessToken, refreshToken };
}

function parseFile(text: string): Fields {
  const file = parseJson(text.replace(/^\uFEFF/, ''));
  if (file === undefined) throw invalid('It is not JSON. Import the whole file, from the first brace to the last.');
  if (!isRecord(file)) throw invalid('It is JSON, but not an object with the sign-in\'s "tokens".');
  return file;
}

/** What a file without `tokens` is instead. */
function otherKind(file: Fields): GatewayError {
  if (isText(file['personal_access_token'])) return unsupported('It holds a personal access token.');
  if (isRecord(file['agent_identity'])) return unsupported('It holds an agent identity.');
  if (isText(file['OPENAI_API_KEY'])) return unsupported('It holds an API key of the OpenAI platform.');
  const mode = typeof file['auth_mode'] === 'string' ? otherModes[file['auth_mode'].toLowerCase()] : undefined;
  if (mode) return unsupported(mode);
  return invalid(`It has no "tokens". ${signInAgain}`);
}

/** Other ways to sign in that the CLI writes into the same file (wire spec B6, B7), in lower case. */
const otherModes: Readonly<Record<string, string>> = {
  apikey: 'It holds an API key of the OpenAI platform.',
  personalaccesstoken: 'It holds a personal access token.',
  agentidentity: 'It holds an agent identity.',
  chatgptauthtokens: 'It holds tokens that another program lends to Codex and keeps refreshing itself.',
  bedrock: 'It holds credentials of Amazon Bedrock.',
};

/** Older files name no mode; a file with tokens is then a ChatGPT sign-in. */
function refuseOtherMode(mode: unknown): void {
  const sentence = typeof mode === 'string' ? rowOf(otherModes, mode.toLowerCase()) : undefined;
  if (sentence) throw unsupported(sentence);
}

function identityOf({
  file,
  tokens,
  accessToken,
}: {
  file: Fields;
  tokens: Fields;
  accessToken: string;
}): AccountIdentity {
  const access = readJwtClaims(accessToken);
  const id = readIdToken(tokens['id_token']);
  const chatgptAccountId =
    identifierOf(tokens['account_id']) ?? identifierOf(id.chatgptAccountId) ?? identifierOf(access.chatgptAccountId);
  if (chatgptAccountId === null) throw invalid(`Neither the file nor its tokens name the account. ${signInAgain}`);
  return {
    chatgptAccountId,
    chatgptUserId: id.chatgptUserId ?? access.chatgptUserId,
    email: id.email ?? access.email,
    plan: id.plan ?? access.plan,
    residency: id.residency ?? access.residency,
    isFedramp: id.isFedramp || access.isFedramp,
    accessTokenExpiresAt: access.expiresAt,
    issuedAt: access.issuedAt ?? instantOf(file['last_refresh']),
  };
}

/** Text in all files of today; very old ones held the decoded claims, some with the token itself beside them. */
function readIdToken(value: unknown): JwtClaims {
  if (typeof value === 'string') return readJwtClaims(value);
  const fields = recordOf(value);
  const raw = fields['raw_jwt'];
  if (typeof raw === 'string') return readJwtClaims(raw);
  const claims = readClaims(fields);
  const flat = readClaims({ email: fields['email'], 'https://api.openai.com/auth': fields });
  return {
    ...claims,
    chatgptAccountId: claims.chatgptAccountId ?? flat.chatgptAccountId,
    chatgptUserId: claims.chatgptUserId ?? flat.chatgptUserId,
    plan: claims.plan ?? flat.plan,
  };
}

/** Visible ASCII only: it must be able to travel in a header. */
function tokenOf(value: unknown): string | null {
  return typeof value === 'string' && /^[\x21-\x7e]{1,32768}$/.test(value) ? value : null;
}

function identifierOf(value: unknown): string | null {
  return typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value) ? value : null;
}

function instantOf(value: unknown): Date | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : new Date(ms);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function invalid(detail: string): GatewayError {
  return new GatewayError('invalid_auth_json', { detail });
}

function unsupported(detail: string): GatewayError {
  return new GatewayError('unsupported_auth_json', { detail });
}
