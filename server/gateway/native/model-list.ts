/**
 * The model list a client gets: the Pool's entries byte for byte, as far as its key may use them, with what the key's
 * policy and the Pool's serving modes make of them. Pure.
 */
import {
  allowedEfforts,
  effortWhenOmitted,
  hasListOfItsOwn,
  mayUseModel,
  targetModel,
} from '../../api-keys/key-policy.ts';
import { effortsOf, entryOf, levelsOf } from '../../catalog/model-facts.ts';
import type { CatalogEntry } from '../../catalog/split-catalog.ts';
import { renderCatalog, type UnionCatalog } from '../../catalog/union-catalog.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { KeyPolicy } from '../../contract/key-policy.ts';
import type { ServingMode } from '../../contract/vocabulary.ts';
import { putMember, type Edit } from '../../lib/json-edits.ts';
import { scanObject, spliceSpans, type Member } from '../../lib/json-spans.ts';

export interface ModelList {
  readonly body: Buffer;
  readonly etag: string;
}

export interface ModelListQuestion {
  readonly catalog: UnionCatalog;
  readonly policy: KeyPolicy | null;
  /** How the Pool has a model served. */
  readonly servingModeOf: (model: string) => ServingMode;
}

/**
 * The Pool's own list and its ETag when nothing changes it.
 *
 * @throws {GatewayError} `api_key_policy_malformed`
 */
export function modelListOf({ catalog, policy, servingModeOf }: ModelListQuestion): ModelList {
  if (!policy) throw new GatewayError('api_key_policy_malformed');
  const served = catalog.entries.map((entry) => servedAs(entry, servingModeOf(entry.slug)));
  const offered = hasListOfItsOwn(policy) ? offeredBy(policy, served) : served;
  const isUntouched = offered.length === catalog.entries.length && offered.every((e, i) => e === catalog.entries[i]);
  return isUntouched ? { body: catalog.body, etag: catalog.etag } : renderCatalog(offered);
}

/** A client speaks the dialect that its list names for the model (wire spec A4.3). */
function servedAs(entry: CatalogEntry, mode: ServingMode): CatalogEntry {
  if (mode === 'auto') return entry;
  return changed(entry, { use_responses_lite: mode === 'lite' });
}

/**
 * What each name leads to, under that name. A model that is always used is the only one to choose: a client that chose
 * another would write for the wrong one.
 */
function offeredBy(policy: KeyPolicy, entries: readonly CatalogEntry[]): CatalogEntry[] {
  const aliases = Object.keys(policy.modelAliases);
  const slugs = policy.enforcedModel === null ? entries.map(({ slug }) => slug) : [policy.enforcedModel];
  const own = slugs.filter((slug) => !aliases.includes(slug.toLowerCase()));
  return [...own, ...aliases].flatMap((name) => {
    const entry = entryOf(entries, targetModel(policy, name) ?? name);
    if (!entry || !mayUseModel(policy, entry.slug)) return [];
    const limited = withEfforts(policy, entry);
    if (!limited) return [];
    return [aliases.includes(name) ? changed(limited, { slug: name, display_name: name }) : limited];
  });
}

/** The entry with the efforts that the key may ask for; null when there is none, and every request would be refused. */
function withEfforts(policy: KeyPolicy, entry: CatalogEntry): CatalogEntry | null {
  const facts = { slug: entry.slug, ...effortsOf(entry) };
  const allowed = allowedEfforts(policy, facts);
  if (allowed === null) return entry;
  const usual = effortWhenOmitted(allowed, facts);
  if (usual === null) return null;
  const { bytes } = entry;
  const list = membersOf(entry).findLast(({ key }) => key === 'supported_reasoning_levels');
  if (!list || facts.efforts === null) return changed(entry, { default_reasoning_level: usual });
  const kept = levelsOf(bytes, list).filter(({ effort }) => effort !== null && allowed.includes(effort));
  const levels = kept.map(({ start, end }) => bytes.toString('utf8', start, end));
  // A level that is always used need not be one that the model lists.
  const text = levels.join(',') || JSON.stringify({ effort: usual, description: '' });
  const isSame = kept.length === facts.efforts.length;
  const limited = isSame ? entry : spliced(entry, [{ start: list.start, end: list.end, value: `[${text}]` }]);
  return changed(limited, { default_reasoning_level: usual });
}

/** The entry with some of its members set; the very same when they are. */
function changed(entry: CatalogEntry, values: Readonly<Record<string, unknown>>): CatalogEntry {
  const { bytes } = entry;
  const place = { bytes, start: bytes.indexOf(openBrace), members: membersOf(entry) };
  return spliced(
    entry,
    Object.entries(values).flatMap(([key, value]) => putMember(place, { key, value })),
  );
}

function spliced(entry: CatalogEntry, edits: readonly Edit[]): CatalogEntry {
  return edits.length === 0 ? entry : { slug: entry.slug, bytes: spliceSpans(entry.bytes, edits) };
}

function membersOf({ bytes }: CatalogEntry): Member[] {
  return scanObject(bytes);
}

const openBrace = 0x7b;
