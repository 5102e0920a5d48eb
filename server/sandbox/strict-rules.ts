/** What the provider refuses in an inference request (wire spec B12, B15, B17, D1). */
import type { Account } from './account.ts';
import { modelRefusal } from './behaviours/refusals.ts';
import { refuseState } from './encrypted-state.ts';
import type { AskBody } from './read-ask.ts';
import { errorBody, refuse, type RefuseStep } from './steps.ts';
import type { Ask, InputItem } from './turn.ts';

const unsupported = [
  'max_output_tokens',
  'temperature',
  'top_p',
  'safety_identifier',
  'prompt_cache_retention',
  'metadata',
  'user',
  'truncation',
  'prompt_cache_options',
  'context_management',
  'max_completion_tokens',
  'stream_options',
  'background',
  'n',
  'logprobs',
  'top_logprobs',
];
/** Nothing is stored between HTTP requests, so nothing can be continued there. */
const unsupportedOverHttp = ['previous_response_id', 'generate'];

/** The first rule the request breaks, as the answer it gets; undefined when it is fine. */
export function findFault(request: { ask: Ask; body: AskBody }, account: Account): RefuseStep | undefined {
  const { ask, body } = request;
  return (
    faultOfShape(ask, body) ??
    faultOfDialect(ask, body) ??
    (account.findModel(ask.model) ? undefined : modelRefusal(ask.model)) ??
    faultOfItems(ask.input, account) ??
    (ask.transport === 'http' ? faultOfToolOutputs(ask.input) : undefined)
  );
}

function faultOfShape(ask: Ask, body: AskBody): RefuseStep | undefined {
  if (body['store'] !== false) return detail('Store must be set to false');
  if (ask.transport === 'http' && body['stream'] !== true) return detail('Stream must be set to true');
  const banned = ask.transport === 'http' ? [...unsupported, ...unsupportedOverHttp] : unsupported;
  const parameter = banned.find((name) => name in body);
  if (parameter) return detail(`Unsupported parameter: ${parameter}`);
  if (!Array.isArray(body['input'])) return detail('Input must be a list');
  if (ask.effort === 'ultra') return detail("Invalid value: 'ultra' for reasoning.effort");
  const tier = body['service_tier'];
  return tier === undefined || tier === 'priority'
    ? undefined
    : detail(`Unsupported service_tier: ${typeof tier === 'string' ? tier : JSON.stringify(tier)}`);
}

/** The lite announcement and the place of the tools must agree (wire spec A4.3). */
function faultOfDialect(ask: Ask, body: AskBody): RefuseStep | undefined {
  const carriesTools = 'tools' in body;
  const carriesAdditionalTools = ask.input.some((item) => item.type === 'additional_tools');
  // Over websocket only the first full frame repeats them; a prewarm or a continuation may come without.
  const mustCarryThem = ask.lite && ask.transport === 'http';
  if (ask.lite && carriesTools) return detail('Lite requests must not carry tools');
  if (!ask.lite && carriesAdditionalTools) return detail('additional_tools are only accepted in lite requests');
  if (mustCarryThem && !carriesAdditionalTools) return detail('Lite requests must begin with additional_tools');
  return undefined;
}

function faultOfItems(input: readonly InputItem[], account: Account): RefuseStep | undefined {
  for (const item of input) {
    if (item.role === 'system') return detail('System messages are not allowed');
    const part = Array.isArray(item.content) ? item.content.find(hasBannedField) : undefined;
    if (part) return detail('Unsupported content part');
    if (typeof item.encrypted_content !== 'string') continue;
    const reason = refuseState(item.encrypted_content, { accountId: account.id, itemId: item.id });
    if (reason) return encryptedFault(reason);
  }
  return undefined;
}

function hasBannedField(part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return false;
  return 'prompt_cache_breakpoint' in part || ('type' in part && part.type === 'input_image' && 'file_id' in part);
}

function encryptedFault(reason: string): RefuseStep {
  const message = `The encrypted content gAAA... could not be verified. Reason: Encrypted content ${reason}.`;
  return refuse(400, errorBody({ message, type: 'invalid_request_error', code: 'invalid_encrypted_content' }));
}

/** Over HTTP the whole transcript is here, so every call must have its output. */
function faultOfToolOutputs(input: readonly InputItem[]): RefuseStep | undefined {
  const answered = new Set(input.filter((item) => item.type?.endsWith('_output')).map((item) => item.call_id));
  const open = input.find(
    (item) => (item.type === 'function_call' || item.type === 'custom_tool_call') && !answered.has(item.call_id),
  );
  if (!open) return undefined;
  const message = `No tool output found for function call ${String(open.call_id)}.`;
  return refuse(400, errorBody({ message, type: 'invalid_request_error' }));
}

function detail(text: string): RefuseStep {
  return refuse(400, { detail: text });
}
