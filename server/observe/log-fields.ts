/**
 * The allow-list of what a log line may say. A field that is not named here is dropped, so nothing user-written can
 * reach the log by passing an object too many. Every field is an id of ours, a number, or a word of a closed list.
 */
export const logFields = new Set([
  // who and what
  'requestId',
  'attemptId',
  'accountId',
  'poolId',
  'keyId',
  'keyPrefix',
  'processNumber',
  'endpoint',
  'transport',
  'routeClass',
  'method',
  'route',
  'clientName',
  'clientVersion',
  'originator',
  'action',
  'topic',
  'mode',
  'version',
  // how it went
  'status',
  'upstreamStatus',
  'outcome',
  'errorCode',
  'fault',
  'reason',
  'retryReason',
  'systemCode',
  'sqlState',
  'usageStatus',
  'upstreamRequestId',
  'signal',
  // how much and how long
  'attempt',
  'attempts',
  'count',
  'accounts',
  'models',
  'requestBytes',
  'responseBytes',
  'inputTokens',
  'cachedTokens',
  'outputTokens',
  'reasoningTokens',
  'durationMs',
  'firstByteMs',
  'waitMs',
  'retryAfterMs',
  'running',
  'queued',
  'epoch',
  'fence',
  // where we are
  'address',
  'port',
  'pid',
  'name',
  'sentence',
  'dataFolder',
  'url',
  'peers',
  // an error, without its message: messages may quote what somebody wrote
  'errorName',
  'errorAt',
]);

/** Longest text a field may hold; ids and words are far shorter. */
export const longestLogText = 300;
