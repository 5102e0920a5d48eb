/** Answers of `/v1/responses/compact`: one document with what the conversation became. Pure. */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { listOf, recordOf, textOf } from '../../../lib/json-values.ts';
import type { AnswerRendering } from '../dialect.ts';
import { holdsCompaction } from '../openai/holds-compaction.ts';
import type { PublicResponseOptions } from '../openai/public-response.ts';

export function renderCompaction({ makeId, nowSeconds }: PublicResponseOptions): AnswerRendering {
  let document: unknown = null;
  return {
    push({ response }) {
      const { id, created_at: createdAt, output, usage } = recordOf(response);
      if (!holdsCompaction(output)) throw new GatewayError('invalid_compaction_response');
      document ??= {
        id: textOf(id) || makeId('resp'),
        object: 'response.compaction',
        created_at: typeof createdAt === 'number' ? Math.floor(createdAt) : nowSeconds(),
        output: listOf(output),
        usage: usage ?? null,
      };
      return '';
    },
    breakOff: () => '',
    document: () => document,
    get ending() {
      return document === null ? null : 'completed';
    },
    failure: null,
  };
}
