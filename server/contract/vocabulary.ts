/**
 * Every closed word list of the product, each word with its label. Words live here, not in database CHECK lists, so
 * adding one is a change in one place; TypeScript then points at what must learn it. The file is long because it is one
 * list to read; nothing in it decides anything.
 */
import { z } from 'zod';

/**
 * What an account may be. `refreshing` is not a state: a refresh in flight is a claim beside the state, and the
 * account keeps serving with its old token meanwhile.
 */
export const accountStatuses = {
  active: 'Ready',
  refresh_failed: 'Refresh failed, will be tried again',
  reauth_required: 'Sign in again',
  paused: 'Paused',
  deleted: 'Removed',
} as const;
export type AccountStatus = keyof typeof accountStatuses;
export const AccountStatus = wordsOf(accountStatuses);

/** How an account came to us. */
export const onboardingMethods = { import: 'Imported auth.json' } as const;
export type OnboardingMethod = keyof typeof onboardingMethods;
export const OnboardingMethod = wordsOf(onboardingMethods);

/** Derived from a key's dates; first match wins in this order. */
export const apiKeyStatuses = {
  revoked: 'Revoked',
  expired: 'Expired',
  paused: 'Paused',
  active: 'Active',
} as const;
export type ApiKeyStatus = keyof typeof apiKeyStatuses;
export const ApiKeyStatus = wordsOf(apiKeyStatuses);

/** What a request is, by the load it makes (gateway spec 2.2): each class has a lane, and circuits tell them apart. */
export const routeClasses = {
  proxy_http: 'Plain requests',
  proxy_stream: 'Streams',
  proxy_websocket: 'Websocket turns',
  proxy_compact: 'Compaction',
  file_upload: 'Files',
  audio_transcription: 'Dictation',
} as const;
export type RouteClass = keyof typeof routeClasses;

/** What a limit of a key counts. */
export const limitUnits = {
  requests: 'Requests',
  input_tokens: 'Input tokens',
  output_tokens: 'Output tokens',
  total_tokens: 'Tokens',
  cost_micros: 'Micro-dollars',
  concurrency: 'Requests at once',
} as const;
export type LimitUnit = keyof typeof limitUnits;
export const LimitUnit = wordsOf(limitUnits);

/** Over which time it counts. Minute, five hours and week slide; day and month are those of the calendar in UTC. */
export const limitWindows = {
  request: 'per request',
  now: 'at once',
  minute: 'per minute',
  five_hours: 'per five hours',
  day: 'per day',
  week: 'per week',
  month: 'per month',
} as const;
export type LimitWindow = keyof typeof limitWindows;
export const LimitWindow = wordsOf(limitWindows);

const overTime = ['minute', 'five_hours', 'day', 'week', 'month'] as const satisfies readonly LimitWindow[];
/** The windows in which a unit can be limited. */
export const limitWindowsOf: Readonly<Record<LimitUnit, readonly LimitWindow[]>> = {
  requests: overTime,
  input_tokens: ['request', ...overTime],
  output_tokens: ['request', ...overTime],
  total_tokens: overTime,
  cost_micros: overTime,
  concurrency: ['now'],
};

/** How a client call travelled. */
export const transports = {
  http_json: 'HTTP, JSON answer',
  http_sse: 'HTTP, event stream',
  websocket: 'Websocket',
} as const;
export type Transport = keyof typeof transports;

/** What became of a request. */
export const requestStatuses = {
  in_progress: 'Running',
  succeeded: 'Succeeded',
  failed: 'Failed',
  cancelled: 'Client left',
  rejected: 'Refused',
} as const;
export type RequestStatus = keyof typeof requestStatuses;
export const RequestStatus = wordsOf(requestStatuses);

/** What became of one attempt. */
export const attemptStatuses = {
  in_progress: 'Running',
  succeeded: 'Succeeded',
  failed: 'Failed',
  retryable_failed: 'Failed, another account was tried',
  cancelled: 'Client left',
} as const;
export type AttemptStatus = keyof typeof attemptStatuses;

/** Whether the provider told us what a request used. */
export const usageStatuses = {
  usage_known: 'Reported',
  usage_unknown: 'Not reported, estimated',
  not_applicable: 'Nothing was sent',
} as const;
export type UsageStatus = keyof typeof usageStatuses;

/** Why a cost is known or not (product spec 1.5). */
export const costStatuses = {
  priced: 'Priced',
  estimated: 'Estimated',
  unpriced_missing_model: 'No price for this model',
  unpriced_missing_tier: 'No price for this service tier',
  unpriced_auto_tier: 'The provider did not say which tier it used',
  unpriced_batch_tier: 'Batch was asked for and not confirmed',
  unpriced_unavailable_price_bucket: 'The provider names no price for this',
  unpriced_missing_cache_write_rate: 'No price for cache writes of this model',
} as const;
export type CostStatus = keyof typeof costStatuses;
export const CostStatus = wordsOf(costStatuses);

/** Strategies a Pool may route by. A word here needs a file in `routing/strategies/`. */
export const strategies = {
  bridge_ring: 'Spread conversations evenly, keep each with its account',
  deterministic_rotation: 'Go round the accounts from oldest to newest, each conversation from its own start',
  least_recent_success: 'Prefer the account that has not served for longest',
  quota_first: 'Prefer the account with most of its limits left',
  soonest_reset: 'Spend first what would be lost first: the weekly limit that resets soonest',
} as const;
export type StrategyName = keyof typeof strategies;
export const StrategyName = wordsOf(strategies);

/** Why an account was left out of a choice, as what is said of the account; records and refusals count these. */
export const exclusionReasons = {
  account_paused: 'is paused',
  account_removed: 'was removed',
  account_signed_out: 'must be signed in again',
  account_token_expired: 'has an expired sign-in that could not be renewed yet',
  model_not_offered: 'does not offer the model',
  tier_not_offered: 'does not offer the service tier for the model',
  streaming_not_offered: 'does not stream the model',
  images_not_offered: 'does not take images with the model',
  tools_not_offered: 'does not offer tools with the model',
  reasoning_not_offered: 'does not offer reasoning with the model',
  usage_limit_reached: 'has used up its limit',
  cooling_down: 'was asked to slow down',
  edge_back_off: "is waiting for the provider's network edge",
  circuit_open: 'failed several times and is left alone for a moment',
  circuit_probing: 'failed several times and is being tried again',
  network_down: 'cannot be reached from this machine now',
  model_refused: 'was refused the model by the provider',
  pinned_elsewhere: 'does not hold what this conversation goes on from',
  already_tried: 'was tried already',
  outside_ring: 'was not among those that one request may try',
} as const;
export type ExclusionReason = keyof typeof exclusionReasons;
export const ExclusionReason = wordsOf(exclusionReasons);

/** What put the chosen account before the others. The first that holds, in this order. */
export const decisionGrounds = {
  pin: "only this account holds the conversation's compacted history",
  sealed: 'another account could not open what is sealed in the conversation',
  only_one: 'no other account may serve',
  compaction: 'its model list says that it compacts, those of the others do not',
  credits: 'the others have used up their limits and would cost credits',
  floor: 'the others are at the floor that the Pool wants left of their limits',
  demotion: 'the others failed this key and model just now',
  affinity: 'it served this conversation last',
  strategy: "the Pool's strategy puts it first",
  prompt_cache: 'requests with this prompt cache key are kept together on it',
  spread: 'nothing else sets it apart, so conversations are spread evenly',
} as const;
export type DecisionGround = keyof typeof decisionGrounds;
export const DecisionGround = wordsOf(decisionGrounds);

/** What stands between a request and its account, in the order in which it is asked. */
export const routeSteps = {
  key: 'The key may be used',
  policy: 'Its policy allows the request',
  limits: 'Its limits have room',
  model: 'Accounts that offer what is asked',
  account: 'Of these, those whose own state allows it',
  circuit: 'Of these, those that can be reached and do not fail',
  choice: 'Chosen',
} as const;
export type RouteStep = keyof typeof routeSteps;
export const RouteStep = wordsOf(routeSteps);

/** How the circuit of an account stands for one kind of request. */
export const circuitStatuses = { closed: 'Closed', open: 'Open', half_open: 'Being tried again' } as const;
export type CircuitStatus = keyof typeof circuitStatuses;
export const CircuitStatus = wordsOf(circuitStatuses);

/** How a Pool has one model served; `auto` does what the model list says (gateway spec 2.7). */
export const servingModes = {
  auto: 'As the model list says',
  lite: 'Always lite',
  full: 'Always full; the provider may refuse it',
} as const;
export type ServingMode = keyof typeof servingModes;
export const ServingMode = wordsOf(servingModes);

/** Stands in records for a model, tier or effort that only the client's own words name: those are not kept. */
export const unlistedWord = '(unlisted)';

/** How hard a model may think, from least to most; the order decides what is above a key's highest level. */
export const effortLevels = {
  none: 'No reasoning',
  minimal: 'Minimal',
  low: 'Low',
  medium: 'Medium',
  high: 'High',
  xhigh: 'Extra high',
  max: 'Maximum',
  ultra: 'Ultra',
} as const;
export type EffortLevel = keyof typeof effortLevels;
export const EffortLevel = wordsOf(effortLevels);

/** How a key treats the reasoning effort that a client asks for. */
export const effortRules = {
  at_most: 'No more than this; more is refused',
  always: 'This, whatever is asked',
} as const;
export const EffortRule = wordsOf(effortRules);

/** Service tiers that a key may set. */
export const serviceTiers = {
  auto: 'As the provider chooses',
  default: 'Standard',
  flex: 'Slower, for less',
  priority: 'Sooner, for more',
  scale: 'Reserved capacity',
} as const;
export type ServiceTier = keyof typeof serviceTiers;
export const ServiceTier = wordsOf(serviceTiers);

/** Kinds of tool output that request compression tells apart. A word here needs a file in `gateway/compression/kinds/`. */
export const outputKinds = {
  html: 'Page, never shortened',
  diff: 'Unified diff',
  search: 'Search results',
  json: 'JSON',
  log: 'Build or test output',
} as const;
export type OutputKind = keyof typeof outputKinds;
export const OutputKind = wordsOf(outputKinds);

/** Why request compression left a tool output as it was. */
export const outputSkips = {
  protected_tool: 'The tool’s outputs are never shortened',
  unknown_tool: 'The request does not say which tool it is from',
  schema_bound: 'The tool declares what its outputs look like',
  not_text: 'Not one well-formed text',
  over_cap: 'Further outputs than one request may have shortened',
  no_kind: 'Nothing that is shortened: source, prose, a page',
  over_limits: 'More of what matters than a shortened text may hold',
  doubtful: 'It may say something that would be lost',
  no_gain: 'It would not have become smaller',
  failed: 'Shortening failed',
} as const;
export type OutputSkip = keyof typeof outputSkips;
export const OutputSkip = wordsOf(outputSkips);

/** Where a quota reading came from. */
export const quotaSources = {
  usage_api: 'Usage endpoint',
  response_headers: 'Answer headers',
  stream_event: 'Event in a stream',
  error_body: 'Error answer',
} as const;
export type QuotaSource = keyof typeof quotaSources;

/** How a try to spend a saved reset ended (wire spec B10). */
export const resetOutcomes = {
  reset: 'The limits were reset',
  already_redeemed: 'It had been spent before',
  nothing_to_reset: 'Nothing was used, so nothing was spent',
  no_credit: 'There was none left',
  refused: 'The provider refused',
  unknown: 'Nobody knows; the provider was not asked again',
} as const;
export type ResetOutcome = keyof typeof resetOutcomes;
export const ResetOutcome = wordsOf(resetOutcomes);
/** After these the saved reset is gone, whatever is read of the limits. */
export const spentOutcomes: ReadonlySet<ResetOutcome> = new Set(['reset', 'already_redeemed', 'unknown']);

/** Who wanted a saved reset spent. */
export const resetCauses = { operator: 'By hand', automatic: 'By itself, as its policy allows' } as const;
export type ResetCause = keyof typeof resetCauses;
export const ResetCause = wordsOf(resetCauses);

/** Secrets kept per account. */
export const accountSecretKinds = { access_token: 'Access token', refresh_token: 'Refresh token' } as const;
export type AccountSecretKind = keyof typeof accountSecretKinds;

/** Recurring work. A word here needs a line in `jobs/index.ts`. */
export const jobNames = {
  close_dead_requests: 'Close requests of ended processes',
  refresh_tokens: 'Renew tokens before they expire',
  probe_limits: 'Read limits',
  read_models: 'Read model lists',
  read_prices: 'Fetch the price list',
  remove_expired: 'Remove what has expired',
  remove_old: 'Remove what is older than it is to be kept',
  forget_key_use: 'Remove old sums of what keys used',
} as const;
export type JobName = keyof typeof jobNames;
export const JobName = wordsOf(jobNames);

/** How a run of recurring work stands or ended. */
export const jobOutcomes = { running: 'Running', succeeded: 'Done', failed: 'Failed' } as const;
export type JobOutcome = keyof typeof jobOutcomes;
export const JobOutcome = wordsOf(jobOutcomes);

/** What may lead a request to an account (gateway spec 4.6). */
export const anchorKinds = {
  thread: 'Conversation',
  turn_state: 'Turn state',
  response: 'Earlier answer',
  compaction: 'Compacted history',
  sealed: 'Encrypted reasoning',
  shed: 'A conversation whose account cannot open all of it',
  file: 'Uploaded file',
} as const;
export type AnchorKind = keyof typeof anchorKinds;

/** What led a request to its account beside the strategy, strongest first; `none` leaves it to the strategy. */
export const continuationReasons = {
  previous_response: 'It goes on from an answer of this account',
  compaction: 'Only this account can read its compacted history',
  file: 'Only this account has the file it refers to',
  turn_state: 'This account issued the state of its turn',
  idempotency_key: 'This account served the same request before',
  thread: 'This account served the conversation last',
  prompt_cache: 'Requests with its prompt cache key meet this account',
  none: 'Nothing but the strategy',
} as const;
export type ContinuationReason = keyof typeof continuationReasons;
export const ContinuationReason = wordsOf(continuationReasons);

/** Why requests with one prompt cache key meet the same account, or do not (gateway spec 4.4). */
export const localityWords = {
  applied: 'Applied',
  prompt_cache_key_absent: 'The request names no prompt cache key',
  pool_toggle_disabled: 'The Pool does not do it',
  route_not_covered: 'Not done for this kind of request',
  pinned: 'The request is pinned to an account',
  durable_affinity_hit: 'The conversation has an account already',
  codex_session_continuity: 'The conversation is kept together by its session',
  idempotency_key_continuity: 'The request is kept together by its idempotency key',
  no_eligible_candidates: 'No account may serve',
  single_eligible_candidate: 'Only one account may serve',
} as const;
export type LocalityWord = keyof typeof localityWords;
export const LocalityWord = wordsOf(localityWords);

/** Kinds of rows that are not kept for ever. A word here needs an entry in `retention/classes.ts`. */
export const retentionClasses = {
  requests: 'Requests with their attempts',
  ledger: 'Ledger movements',
  usage: 'Hourly sums',
  audit: 'Audit trail',
  accounts: 'Removed accounts',
  processes: 'Processes that ended',
  anchors: 'Anchors of conversations',
  files: 'Uploaded files that expired',
} as const;
export type RetentionClass = keyof typeof retentionClasses;
export const RetentionClass = wordsOf(retentionClasses);

/** What a changed row belongs to; other parts and processes reload their view of it. */
export const changeTopics = {
  accounts: 'Accounts',
  api_keys: 'API keys',
  pools: 'Pools',
  catalog: 'Models',
  settings: 'Settings',
  prices: 'Prices',
} as const;
export type ChangeTopic = keyof typeof changeTopics;

/** A zod enum of a word list's keys, typed as exactly those words. */
function wordsOf<Words extends Record<string, string>>(words: Words) {
  return z.enum(Object.keys(words) as [keyof Words & string, ...(keyof Words & string)[]]);
}
