/**
 * The models the sandbox offers. Entries are kept as the text that goes over the wire, so that a test can tell whether
 * a gateway passed them on byte for byte (wire spec A9, B11).
 */
import { hexFrom } from './ids.ts';

/** One model: what the sandbox needs to know about it, and its entry as sent. */
export interface CatalogModel {
  readonly slug: string;
  /** Lite models expect `additional_tools` in the input instead of `tools` (wire spec A4.3). */
  readonly lite: boolean;
  /** Plans that list it; absent means every plan. */
  readonly plans?: readonly string[];
  /** Clients below this version are not told about it. */
  readonly minimalClientVersion: string;
  readonly entry: string;
}

interface EntryFacts {
  readonly slug: string;
  readonly displayName: string;
  readonly priority: number;
  readonly lite: boolean;
  readonly visibility?: 'list' | 'hide';
  readonly plans?: readonly string[];
  readonly minimalClientVersion?: string;
  readonly contextWindow?: number;
}

const efforts = [
  { effort: 'low', description: 'Quick answers' },
  { effort: 'medium', description: 'A balance of speed and care' },
  { effort: 'high', description: 'More thought for hard questions' },
  { effort: 'xhigh', description: 'The most thought' },
];

/** Every key that a CLI from 0.125 to 0.169 requires, and the usual optional ones (wire spec A9). */
function describe(facts: EntryFacts): Record<string, unknown> {
  return {
    slug: facts.slug,
    display_name: facts.displayName,
    description: `${facts.displayName} as the sandbox plays it.`,
    default_reasoning_level: 'medium',
    supported_reasoning_levels: efforts,
    shell_type: 'unified_exec',
    visibility: facts.visibility ?? 'list',
    supported_in_api: true,
    priority: facts.priority,
    additional_speed_tiers: ['fast'],
    service_tiers: [{ id: 'priority', name: 'Fast', description: 'Sooner, for more usage' }],
    availability_nux: null,
    upgrade: null,
    model_messages: {
      instructions_template: 'You are a coding agent inside the sandbox of Codex Pooler.',
      approvals: null,
      collaboration_modes: null,
      auto_review: null,
      permissions: null,
      multi_agent: null,
    },
    include_skills_usage_instructions: true,
    include_plugin_usage_instructions: true,
    include_apps_usage_instructions: true,
    default_reasoning_summary: 'none',
    support_verbosity: true,
    default_verbosity: 'low',
    apply_patch_tool_type: 'freeform',
    web_search_tool_type: 'text_and_image',
    truncation_policy: { mode: 'tokens', limit: 10000 },
    supports_image_detail_original: true,
    context_window: facts.contextWindow ?? 272_000,
    max_context_window: 872_000,
    comp_hash: '2911',
    effective_context_window_percent: 95,
    experimental_supported_tools: [],
    input_modalities: ['text', 'image'],
    supports_search_tool: true,
    supports_experimental_context: false,
    use_responses_lite: facts.lite,
    supports_reasoning_effort_updates: false,
    node_repl_auto_review_required: false,
    node_repl_disabled: false,
    ...(facts.lite ? { tool_mode: 'code_mode_only' } : {}),
    base_instructions: 'You are a coding agent inside the sandbox of Codex Pooler.',
    supports_reasoning_summaries: true,
    supports_parallel_tool_calls: !facts.lite,
    reasoning_summary_format: 'experimental',
    prefer_websockets: true,
    minimal_client_version: facts.minimalClientVersion ?? '0.1.0',
    available_in_plans: facts.plans ?? ['free', 'go', 'plus', 'pro', 'team', 'business', 'enterprise', 'edu'],
    auto_compact_token_limit: null,
  };
}

function model(facts: EntryFacts): CatalogModel {
  return {
    slug: facts.slug,
    lite: facts.lite,
    ...(facts.plans ? { plans: facts.plans } : {}),
    minimalClientVersion: facts.minimalClientVersion ?? '0.1.0',
    entry: JSON.stringify(describe(facts)),
  };
}

/**
 * A model whose text no serialiser would write again: spaces, line breaks, escapes where none are needed, a number
 * with an exponent and fields nobody knows. Parsing and writing it anew changes its bytes.
 */
function oddlyWritten(facts: EntryFacts): CatalogModel {
  const plain = JSON.stringify(describe(facts)).slice(1, -1);
  const odd = [
    '{ "sandbox_unknown" : {"caf\\u00e9":"\\/slash\\/", "ratio" :1.50e+1, "empty":{ } },',
    '\t"sandbox_note" :"gr\\u00fc\\u00dfe \\ud83d\\ude80 & <b>",',
    `   ${plain} ,`,
    ' "12" : null, "3":[ ] }',
  ];
  return { ...model(facts), entry: odd.join('\n') };
}

const paidPlans = ['plus', 'pro', 'prolite', 'promax', 'team', 'business', 'enterprise', 'edu'];

/** All models, best first. `gpt-5.5` is the only one in the full dialect, as in the real catalog. */
export const catalogModels: readonly CatalogModel[] = [
  model({ slug: 'gpt-6.1-sol', displayName: 'GPT-6.1-Sol', priority: 1, lite: true, plans: paidPlans }),
  model({ slug: 'gpt-6-astra', displayName: 'GPT-6-Astra', priority: 2, lite: true, plans: ['pro', 'enterprise'] }),
  oddlyWritten({ slug: 'gpt-6-luna', displayName: 'GPT-6-Luna', priority: 5, lite: true }),
  model({ slug: 'gpt-5.6-luna', displayName: 'GPT-5.6-Luna', priority: 8, lite: true }),
  model({ slug: 'gpt-5.5', displayName: 'GPT-5.5', priority: 13, lite: false }),
  model({ slug: 'codex-auto-review', displayName: 'Auto review', priority: 40, lite: true, visibility: 'hide' }),
  model({
    slug: 'gpt-7-preview',
    displayName: 'GPT-7-Preview',
    priority: 0,
    lite: true,
    plans: paidPlans,
    minimalClientVersion: '0.200.0',
  }),
];

/** A model by its slug, or with fields of its entry that read otherwise on this account. */
export type ModelSeed = string | { readonly slug: string; readonly fields: Readonly<Record<string, unknown>> };

/** A slug that the sandbox does not know becomes a model of its own. */
export function modelFrom(seed: ModelSeed): CatalogModel {
  const { slug, fields } = typeof seed === 'string' ? { slug: seed, fields: null } : seed;
  const known =
    catalogModels.find((each) => each.slug === slug) ?? model({ slug, displayName: slug, priority: 20, lite: false });
  if (fields === null) return known;
  return { ...known, entry: JSON.stringify({ ...(JSON.parse(known.entry) as object), ...fields }) };
}

/** The models of a plan. Unknown plans are offered what `plus` gets. */
export function modelsOfPlan(plan: string): readonly CatalogModel[] {
  const known = paidPlans.includes(plan) || ['free', 'go'].includes(plan);
  return catalogModels.filter((entry) => !entry.plans || entry.plans.includes(known ? plan : 'plus'));
}

/** A catalog as sent, with the ETag that names its content. */
export function renderCatalog(
  models: readonly CatalogModel[],
  clientVersion: string | undefined,
): { body: string; etag: string } {
  const shown = models.filter((entry) => !isOlder(clientVersion ?? '0.0.0', entry.minimalClientVersion));
  const body = `{"models":[${shown.map((entry) => entry.entry).join(',')}]}`;
  return { body, etag: `W/"${hexFrom(body, 16)}"` };
}

function isOlder(version: string, than: string): boolean {
  const left = version.split('.').map(Number);
  const right = than.split('.').map(Number);
  for (let index = 0; index < 3; index += 1) {
    const difference = (left[index] || 0) - (right[index] || 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
