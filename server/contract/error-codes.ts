/**
 * Every error the gateway itself can answer with: one row each. Status, message, blame and retry advice come from here
 * alone, so retry decisions, health, alerts, documents and renderers cannot disagree. The file is long because it is one
 * table to read; nothing in it decides anything.
 */

/** Who caused it. Only `upstream` may count against an account's health. */
export type Blame = 'client' | 'gateway' | 'upstream' | 'nobody';

/** May another attempt help, as far as the attempt loop is concerned? */
export type RetryAdvice = 'never' | 'other_account' | 'same_account';

export interface ErrorRow {
  readonly status: number;
  /**
   * Status on native Codex routes where it differs. 403, 413, 415 and 422 make the Codex CLI ask six times, 400 once
   * with the body shown (wire spec A8.1), so refusals that cannot change by asking again are 400 there.
   */
  readonly nativeStatus?: number;
  /** `error.type` of the body; clients recognise exhaustion by it alone (wire spec A8.2). */
  readonly type: 'invalid_request_error' | 'rate_limit_error' | 'server_error' | 'usage_limit_reached';
  /** How OpenAI client libraries are told where their words differ from ours (v1 spec 1.4, 4.1). */
  readonly openai?: {
    readonly status?: number;
    readonly type?: 'insufficient_quota';
    readonly code?: string;
  };
  /** What the client reads: what happened and what to do. Never contains anything the client or provider wrote. */
  readonly message: string;
  readonly blame: Blame;
  readonly retry: RetryAdvice;
  /** The request that it refuses leaves no row, because another's row says it all. */
  readonly leavesNoRow?: true;
}

const client = { type: 'invalid_request_error', blame: 'client', retry: 'never' } as const;
const gateway = { type: 'server_error', blame: 'gateway', retry: 'never' } as const;
const upstream = { type: 'server_error', blame: 'upstream', retry: 'other_account' } as const;

export const errorCodes = {
  // Who is asking
  api_key_missing: {
    ...client,
    status: 401,
    openai: { code: 'invalid_api_key' },
    message: 'No valid Pool API key. Send "Authorization: Bearer sk-cxp-…" with a key of this gateway.',
  },
  api_key_revoked: {
    ...client,
    status: 401,
    openai: { code: 'api_key_disabled' },
    message: 'This API key was revoked. Create a new key and configure it in your client.',
  },
  api_key_paused: {
    ...client,
    status: 401,
    openai: { code: 'api_key_disabled' },
    message: 'This API key is paused. Resume it, or use another key.',
  },
  api_key_expired: {
    ...client,
    status: 401,
    openai: { code: 'api_key_disabled' },
    message: 'This API key has expired. Create a new key and configure it in your client.',
  },
  api_key_rotated: {
    ...client,
    status: 401,
    openai: { code: 'api_key_disabled' },
    message: 'This API key was replaced by a new one. Configure the new key in your client.',
  },
  api_key_moved: {
    ...gateway,
    status: 503,
    blame: 'nobody',
    message: 'This API key was moved to another Pool in the meantime. Try again.',
  },
  address_not_allowed: {
    ...client,
    status: 403,
    nativeStatus: 400,
    openai: { code: 'access_denied' },
    message: 'This API key may not be used from this address.',
  },
  admin_token_missing: {
    ...client,
    status: 401,
    message: 'This address is for the local administrator. Send the token from the data folder.',
  },
  host_not_allowed: {
    ...client,
    status: 403,
    nativeStatus: 400,
    message:
      'The Host header names a host this gateway does not answer for. Use localhost or the configured public host (PHX_HOST).',
  },
  invalid_host: {
    ...client,
    status: 400,
    openai: { code: 'invalid_request' },
    message: 'A request must name the host it is for, once: a name or address with or without port.',
  },
  origin_not_allowed: {
    ...client,
    status: 403,
    nativeStatus: 400,
    message: 'Web pages of other origins may not call this gateway.',
  },

  // What is asked
  invalid_request: { ...client, status: 400, message: 'The request is not valid.' },
  invalid_path: {
    ...client,
    status: 400,
    openai: { code: 'invalid_request' },
    message: 'The path contains an encoded slash, backslash, NUL or a fragment, leads out of itself, or is none.',
  },
  path_too_long: { ...client, status: 414, nativeStatus: 400, message: 'The path is longer than any of this gateway.' },
  unsupported_endpoint: { ...client, status: 404, message: 'This endpoint is not supported by this gateway.' },
  v1_compatibility_disabled: {
    ...client,
    status: 403,
    message: 'The /v1 routes are switched off for the Pool of this API key.',
  },
  not_found: { ...client, status: 404, message: 'Not Found' },
  commands_not_taken: {
    ...client,
    status: 404,
    message:
      'This server takes no commands, because it serves no clients (PHX_SERVER, OBAN_MODE). Ask one that does, or stop this one: then commands open the installation themselves.',
  },
  method_not_allowed: { ...client, status: 405, message: 'This address does not answer that method.' },
  conflict: { ...client, status: 409, message: 'This conflicts with what exists already.' },
  websocket_not_offered: { ...client, status: 426, message: 'Websockets are not offered here; use HTTP.' },
  websocket_upgrade_required: {
    ...client,
    status: 400,
    message: 'This address takes POST requests and websockets. Ask for one with "Upgrade: websocket".',
  },
  websocket_queue_full: {
    ...gateway,
    status: 503,
    message: 'Too many turns wait on this websocket. Send the next one when an answer is complete.',
  },
  duplicate_turn: {
    ...client,
    status: 409,
    message: 'A turn with this id was asked before. It was not asked again; give every turn an id of its own.',
    leavesNoRow: true,
  },
  model_not_allowed: { ...client, status: 403, nativeStatus: 400, message: 'This API key may not use this model.' },
  reasoning_effort_not_allowed: {
    ...client,
    status: 400,
    message: 'This API key may not use this reasoning effort.',
  },
  api_key_policy_malformed: {
    ...client,
    status: 403,
    nativeStatus: 400,
    message: 'What this API key may do cannot be read, so it may do nothing. Set it again: codex-pooler key update.',
  },
  invalid_model: {
    ...client,
    status: 400,
    openai: { status: 404, code: 'model_not_found' },
    message: 'No account of this Pool offers this model.',
  },
  unsupported_parameter: { ...client, status: 400, message: 'This gateway does not support a field of the request.' },
  missing_required_parameter: { ...client, status: 400, message: 'A field that every request needs is missing.' },
  unsupported_input_image_format: {
    ...client,
    status: 400,
    message: 'Images must be https addresses, or data URLs of png, jpeg, gif or webp in base64.',
  },
  unsupported_input_file_format: {
    ...client,
    status: 400,
    message: 'Files must be PDF or plain text as a data URL in base64, an https address, or a file id.',
  },
  invalid_json_schema: { ...client, status: 400, message: 'A strict JSON schema breaks the rules for strict schemas.' },
  invalid_function_parameters: {
    ...client,
    status: 400,
    message: "A strict function's parameters break the rules for strict schemas.",
  },
  previous_response_not_found: {
    ...client,
    status: 400,
    message: 'The previous response is not kept. Send the whole conversation again.',
  },
  unsupported_content_encoding: {
    ...client,
    status: 415,
    nativeStatus: 400,
    message: 'The body has a content encoding this gateway does not decode; use gzip, deflate, zstd or none.',
  },
  unsupported_multipart_file_create: {
    ...client,
    status: 400,
    message: 'A file is announced as JSON (file_name, file_size, use_case); its bytes go to the address in the answer.',
  },
  image_generation_disabled: {
    ...client,
    status: 403,
    nativeStatus: 400,
    message: 'This Pool does not answer image requests. Its operator can switch them on.',
  },
  file_not_found: { ...client, status: 404, message: 'There is no such file for this API key, or it has expired.' },
  file_assignment_conflict: {
    ...client,
    status: 409,
    nativeStatus: 400,
    message:
      'The files of this request, or a file and what it goes on from, belong to different accounts, and none can read both. Upload the files again.',
  },
  unsupported_media_type: { ...client, status: 415, nativeStatus: 400, message: 'The body must be application/json.' },
  payload_too_large: {
    ...client,
    status: 413,
    nativeStatus: 400,
    message: 'What was sent is larger than this gateway accepts.',
  },
  invalid_image_model: {
    ...client,
    status: 400,
    openai: { code: 'invalid_model' },
    message: 'Images are made by gpt-image-2, gpt-image-1.5, gpt-image-1 or gpt-image-1-mini.',
  },
  compressed_request_too_large: {
    ...client,
    status: 413,
    nativeStatus: 400,
    message: 'The compressed request body is larger than this gateway accepts.',
  },
  decompressed_request_too_large: {
    ...client,
    status: 413,
    nativeStatus: 400,
    message: 'The request body is larger than this gateway accepts.',
  },
  decompression_ratio_exceeded: {
    ...client,
    status: 413,
    nativeStatus: 400,
    message: 'The compressed request body expands too much.',
  },
  request_body_timeout: {
    ...client,
    status: 408,
    nativeStatus: 400,
    openai: { code: 'request_decompression_timeout' },
    message: 'The request body did not arrive in time.',
  },

  // Whether an account can serve it
  usage_limit_reached: {
    status: 429,
    type: 'usage_limit_reached',
    blame: 'nobody',
    retry: 'never',
    openai: { type: 'insufficient_quota' },
    message: 'Every account that could serve this request has used up its limit.',
  },
  api_key_policy_limit_exceeded: {
    ...client,
    status: 429,
    type: 'rate_limit_error',
    openai: { code: 'rate_limit_exceeded' },
    message: 'This API key has no room for the request within its limits.',
  },
  pool_has_no_accounts: {
    ...client,
    status: 400,
    openai: { status: 503, code: 'no_eligible_backend' },
    message: 'This Pool has no accounts yet. Link one: codex-pooler account import <auth.json>.',
  },
  no_eligible_backend: {
    ...gateway,
    status: 503,
    blame: 'nobody',
    message: 'No account of this Pool can serve this request right now.',
  },
  no_compatible_backend: {
    ...gateway,
    status: 503,
    nativeStatus: 400,
    type: 'invalid_request_error',
    blame: 'nobody',
    message:
      'No account of this Pool offers what this request needs. Ask without it, or link an account whose plan has it.',
  },
  server_is_overloaded: {
    ...gateway,
    status: 503,
    message: 'The gateway is at its concurrency limit. Try again in a moment.',
  },
  pinned_continuation_unavailable: {
    ...gateway,
    status: 503,
    blame: 'nobody',
    message:
      'This conversation can only continue on the account that holds its history, and that account cannot serve it. Start a new conversation to go on at once.',
  },
  pinned_continuation_reauth_required: {
    ...gateway,
    status: 503,
    blame: 'nobody',
    message:
      'This conversation can only continue on the account that holds its history, and that account must be signed in again. Sign it in, or start a new conversation.',
  },
  gateway_stopping: {
    ...gateway,
    status: 503,
    openai: { code: 'server_draining' },
    message: 'The gateway is stopping. Try again in a moment.',
  },
  database_unavailable: {
    ...gateway,
    status: 503,
    message: 'The gateway cannot reach its database. Try again in a moment.',
  },
  internal_error: {
    ...gateway,
    status: 500,
    message: 'Something went wrong inside the gateway. The request id names the log line.',
  },

  // What became of the upstream call
  upstream_request_failed: {
    ...upstream,
    status: 502,
    openai: { code: 'upstream_error' },
    message: 'The provider could not be reached.',
  },
  upstream_timeout: {
    ...upstream,
    status: 504,
    openai: { code: 'upstream_request_timeout' },
    message: 'The provider did not answer in time.',
  },
  upstream_blocked_at_edge: {
    ...upstream,
    status: 503,
    openai: { status: 502, code: 'upstream_error' },
    message: "The provider's network edge refused the call. Try again in a moment.",
  },
  upstream_refused: {
    ...upstream,
    status: 400,
    type: 'invalid_request_error',
    retry: 'never',
    openai: { status: 502, code: 'upstream_auth_unavailable' },
    message: 'The provider refused this request for this account.',
  },
  upstream_error: { ...upstream, status: 502, message: 'The provider answered with an error.' },
  upstream_response_too_large: {
    ...upstream,
    status: 502,
    retry: 'never',
    message: "The provider's answer is larger than this gateway relays.",
  },
  upstream_file_upload_failed: {
    ...upstream,
    status: 502,
    retry: 'never',
    message: 'The file could not be brought to the provider.',
  },
  image_generation_failed: {
    ...upstream,
    status: 502,
    retry: 'never',
    message: 'The provider made no image.',
  },
  invalid_compaction_response: {
    ...upstream,
    status: 502,
    retry: 'never',
    message: 'The provider did not shorten the conversation as asked.',
  },
  upstream_stream_error: {
    ...upstream,
    status: 502,
    retry: 'never',
    openai: { code: 'upstream_stream_truncated' },
    message: "The provider's stream ended before its answer was complete.",
  },
  stream_idle_timeout: { ...upstream, status: 504, retry: 'never', message: "The provider's stream went silent." },

  // Why a request ended that only logs and records show
  upstream_websocket_pong_deadline: {
    ...upstream,
    status: 502,
    retry: 'never',
    message: "The provider's websocket no longer answered.",
  },
  client_disconnected: {
    ...gateway,
    status: 499,
    blame: 'client',
    message: 'The client left before the answer was complete.',
  },
  process_ended: { ...gateway, status: 499, message: 'The gateway process ended before the answer was complete.' },

  // Accounts (admin)
  account_not_found: { ...client, status: 404, message: 'There is no such account.' },
  invalid_auth_json: { ...client, status: 400, message: 'This is not an auth.json file as the Codex CLI writes it.' },
  unsupported_auth_json: {
    ...client,
    status: 400,
    message: 'This auth.json holds no ChatGPT sign-in. Run "codex login" with ChatGPT and import that file.',
  },
  no_saved_reset: { ...client, status: 409, message: 'This account has no saved reset that could be spent.' },
  reset_in_progress: {
    ...client,
    status: 409,
    message: 'A saved reset of this account is being spent. Look at it again in a minute.',
  },
  resets_not_read: {
    ...upstream,
    status: 502,
    retry: 'never',
    message: 'The provider did not tell which saved resets this account has, so none was spent.',
  },
  account_refresh_failed: {
    ...upstream,
    status: 502,
    retry: 'never',
    message: 'The account could not be refreshed now.',
  },
  account_signed_out: {
    ...client,
    status: 409,
    message: "The provider no longer accepts this account's sign-in. Sign in again and import the new auth.json.",
  },

  // Prices (admin)
  prices_url_missing: {
    ...client,
    status: 409,
    message:
      'No address for a price list is set. Set one with "settings set catalog.prices_url", or use the bundled list.',
  },
  prices_not_fetched: {
    ...upstream,
    status: 502,
    retry: 'never',
    message: 'The price list could not be fetched. The prices in force stay.',
  },
  prices_unreadable: {
    ...upstream,
    status: 502,
    retry: 'never',
    message: 'What was fetched is not a price list of this kind. The prices in force stay.',
  },
  prices_older: {
    ...upstream,
    status: 409,
    type: 'invalid_request_error',
    retry: 'never',
    message: 'The fetched price list is older than the one in force, which stays.',
  },

  // Pools and keys (admin)
  pool_not_found: { ...client, status: 404, message: 'There is no such Pool.' },
  limit_not_found: { ...client, status: 404, message: 'This API key has no such limit.' },
  request_not_found: {
    ...client,
    status: 404,
    message: 'There is no such request, or its record was deleted after its time.',
  },
  api_key_not_found: { ...client, status: 404, message: 'There is no such API key.' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorCodes;

/** The row of a code, with the optional columns visible. */
export function errorRow(code: ErrorCode): ErrorRow {
  return errorCodes[code];
}
