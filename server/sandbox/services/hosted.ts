/** Unary calls beside inference: dictation, images, search, voice, old-style compaction (wire spec A11, A12; D4 A13). */
import { compactionItem, onePixelPng } from '../behaviours/tools.ts';
import { refuse, type RefuseStep } from '../steps.ts';
import type { Stage } from '../behaviours/define.ts';
import type { Route, RouteCall } from './routes.ts';

function transcribe(call: RouteCall): RefuseStep {
  const boundary = /boundary="?([^";]+)"?/.exec(call.request.header('content-type') ?? '')?.[1];
  const isMultipart = boundary !== undefined && call.request.body.includes(`--${boundary}`);
  if (!isMultipart) return refuse(422, { detail: [{ loc: ['body', 'file'], msg: 'Field required', type: 'missing' }] });
  return refuse(200, { text: 'Words the sandbox heard.' });
}

function images(call: RouteCall): RefuseStep {
  const asked = call.request.json();
  const isEdit = call.request.path.endsWith('/edits');
  if (typeof asked['prompt'] !== 'string') return refuse(400, { detail: 'prompt is required' });
  if (isEdit && !Array.isArray(asked['images'])) return refuse(400, { detail: 'images are required' });
  return refuse(200, {
    created: Math.floor(call.provider.parts.clock.now().getTime() / 1000),
    data: [{ b64_json: onePixelPng }],
    background: 'opaque',
    quality: 'low',
    size: '1024x1024',
    output_format: 'png',
    usage: { input_tokens: 12, output_tokens: 196, total_tokens: 208 },
  });
}

function search(): RefuseStep {
  return refuse(200, { encrypted_output: 'gAAAAsandboxsearch', output: 'The sandbox found nothing, as always.' });
}

function realtime(call: RouteCall): RefuseStep {
  const id = call.provider.parts.ids.next('rtc');
  const sdp = 'v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=sandbox\r\nt=0 0\r\n';
  const location = `/backend-api/codex/realtime/calls/${id}`;
  return refuse(201, sdp, { 'content-type': 'application/sdp', location });
}

/** Compaction of CLIs up to 0.137: one JSON answer instead of a stream. */
function compact(call: RouteCall): RefuseStep {
  const asked = call.request.json();
  if (!Array.isArray(asked['input'])) return refuse(400, { detail: 'Input must be a list' });
  const banned = ['store', 'stream', 'include'].find((name) => name in asked);
  if (banned) return refuse(400, { detail: `Unsupported parameter: ${banned}` });
  const item = compactionItem({ parts: call.provider.parts, account: call.account });
  return refuse(200, { object: 'response.compaction', output: [item] });
}

function post(path: string, stage: Stage, handle: Route['handle']): Route {
  return { method: 'POST', path: new RegExp(`^/backend-api/${path}$`), stage, caller: 'bearer', handle };
}

export const hostedRoutes: readonly Route[] = [
  post('transcribe', 'transcribe', transcribe),
  post('codex/images/(?:generations|edits)', 'images', images),
  post('codex/alpha/search', 'search', search),
  post('codex/realtime/calls', 'realtime', realtime),
  post('codex/responses/compact', 'compact', compact),
];
