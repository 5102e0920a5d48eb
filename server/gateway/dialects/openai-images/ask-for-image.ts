/** The provider's request for an image: a model that writes is made to use the tool that draws (v1 spec 2.9). Pure. */
import { toCodexBody } from '../openai/to-codex-body.ts';
import type { ImageRequest } from './read-image-request.ts';

/** Who is asked. */
export interface ImageHost {
  readonly model: string;
  /** It is served in its lite form. */
  readonly isLite: boolean;
}

export function askForImage({ model, prompt, options, images }: ImageRequest, host: ImageHost): Buffer {
  const pictures = images.map((url) => ({ type: 'input_image', image_url: url }));
  const question = {
    instructions: '',
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: prompt }, ...pictures] }],
    tools: [{ type: 'image_generation', model, ...options }],
    // With one tool, needing any is needing this one.
    toolChoice: host.isLite ? 'required' : { type: 'image_generation' },
    parallelToolCalls: undefined,
    reasoning: {},
    text: {},
    include: [],
    promptCacheKey: undefined,
    forwarded: {},
  };
  return toCodexBody(question, {
    model: host.model,
    effort: null,
    tier: null,
    isLite: host.isLite,
    takesSummary: false,
  });
}
