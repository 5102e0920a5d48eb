/** The response object around an answer as strict clients require it (v1 spec 3.7). Never overwrites what is there. Pure. */
import { isRecord, listOf, recordOf, withoutNull, type JsonRecord } from '../../../lib/json-values.ts';

/** What of the request the response object repeats, as the client sent it; absent where it sent nothing. */
export interface RequestEcho {
  readonly instructions?: string;
  readonly maxOutputTokens?: number;
  readonly metadata?: JsonRecord;
  readonly parallelToolCalls?: boolean;
  readonly previousResponseId?: string;
  readonly promptCacheKey?: string;
  readonly reasoning?: JsonRecord;
  readonly safetyIdentifier?: string;
  readonly temperature?: number;
  readonly text?: JsonRecord;
  readonly toolChoice?: unknown;
  readonly tools?: readonly unknown[];
  readonly topP?: number;
}

export interface ResponseFrame {
  /** The model's name as the gateway lists it. */
  readonly model: string;
  /** Unix seconds at which the request arrived, for answers that name no time. */
  readonly createdAt: number;
  readonly echo: RequestEcho;
  /** The client's own name of a tool whose name was too long for the provider. */
  readonly toolNameOf: (name: string) => string;
}

export interface ResponseState {
  readonly id: string;
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'queued';
  readonly output: readonly unknown[];
  /** Unix seconds, the same for as long as the answer lasts. */
  readonly createdAt: number;
  /** Unix seconds, for completed answers that name no time. */
  readonly completedAt: number | null;
}

/** When an answer began, in Unix seconds, by the provider's first word of it. */
export function createdAtOf(response: JsonRecord, { createdAt }: ResponseFrame): number {
  return wholeSeconds(response['created_at']) ?? createdAt;
}

/** @param response - The provider's own object; may be empty. */
export function completeResponse(
  response: JsonRecord,
  { frame, state }: { frame: ResponseFrame; state: ResponseState },
): JsonRecord {
  const { echo } = frame;
  const isCompleted = state.status === 'completed';
  return {
    ...response,
    id: state.id,
    object: 'response',
    created_at: state.createdAt,
    status: state.status,
    completed_at: isCompleted ? (wholeSeconds(response['completed_at']) ?? state.completedAt) : null,
    background: false,
    error: response['error'] ?? null,
    incomplete_details: response['incomplete_details'] ?? null,
    instructions: textOrNull(response['instructions']) ?? echo.instructions ?? null,
    max_output_tokens: response['max_output_tokens'] ?? echo.maxOutputTokens ?? null,
    max_tool_calls: response['max_tool_calls'] ?? null,
    metadata: echo.metadata ?? {},
    model: frame.model,
    output: state.output,
    parallel_tool_calls: response['parallel_tool_calls'] ?? echo.parallelToolCalls ?? true,
    presence_penalty: response['presence_penalty'] ?? 0,
    frequency_penalty: response['frequency_penalty'] ?? 0,
    previous_response_id: response['previous_response_id'] ?? echo.previousResponseId ?? null,
    prompt_cache_key: response['prompt_cache_key'] ?? echo.promptCacheKey ?? null,
    reasoning: { effort: null, summary: null, ...echo.reasoning, ...withoutNull(recordOf(response['reasoning'])) },
    safety_identifier: response['safety_identifier'] ?? echo.safetyIdentifier ?? null,
    service_tier: response['service_tier'] ?? 'default',
    store: false,
    temperature: echo.temperature ?? numberOr(response['temperature'], 1),
    text: { format: { type: 'text' }, ...echo.text, ...withoutNull(recordOf(response['text'])) },
    tool_choice: choiceOf(response['tool_choice'], frame) ?? echo.toolChoice ?? 'auto',
    tools: toolsOf(response, echo),
    top_logprobs: response['top_logprobs'] ?? 0,
    top_p: echo.topP ?? numberOr(response['top_p'], 1),
    truncation: response['truncation'] ?? 'disabled',
    usage: completeUsage(response['usage']),
  };
}

/** The client's own tools: what went to the provider may be shortened or lowered. */
function toolsOf(response: JsonRecord, echo: RequestEcho): readonly unknown[] {
  const tools = echo.tools ?? listOf(response['tools']);
  return tools.map((tool) => {
    if (!isRecord(tool) || tool['type'] !== 'function') return tool;
    return { description: null, parameters: null, ...tool, strict: tool['strict'] ?? false };
  });
}

/** Whom a choice names, in the client's words. */
function choiceOf(choice: unknown, { toolNameOf }: Pick<ResponseFrame, 'toolNameOf'>): unknown {
  if (!isRecord(choice)) return choice;
  const { name, tools } = choice;
  return {
    ...choice,
    ...(typeof name === 'string' ? { name: toolNameOf(name) } : {}),
    ...(Array.isArray(tools) ? { tools: tools.map((each) => choiceOf(each, { toolNameOf })) } : {}),
  };
}

function completeUsage(usage: unknown): JsonRecord | null {
  if (!isRecord(usage)) return null;
  const input = numberOr(usage['input_tokens'], 0);
  const output = numberOr(usage['output_tokens'], 0);
  return {
    ...usage,
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0, ...withoutNull(recordOf(usage['input_tokens_details'])) },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0, ...withoutNull(recordOf(usage['output_tokens_details'])) },
    total_tokens: numberOr(usage['total_tokens'], input + output),
  };
}

function wholeSeconds(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? Math.floor(value) : null;
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
