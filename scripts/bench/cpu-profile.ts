/** Reads what `node --cpu-prof` wrote: which function the time went to, by itself and with all it called. */

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** The `.cpuprofile` format of V8 (Chrome DevTools protocol, `Profiler.Profile`). Times are microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly samples: readonly number[];
  /** Time before each sample. */
  readonly timeDeltas: readonly number[];
}

export interface Cost {
  /** `name file:line` for a function, `node_modules/undici` for a part. */
  readonly name: string;
  readonly ms: number;
  /** Of the time in which the process was not idle. */
  readonly share: number;
}

export interface ProfileSummary {
  readonly busyMs: number;
  readonly idleMs: number;
  /** By function, without what it called. */
  readonly self: readonly Cost[];
  /** By function of ours, with everything it called. */
  readonly inclusive: readonly Cost[];
  /** By package, room of ours or part of Node; without what it called. */
  readonly parts: readonly Cost[];
}

export interface ReadOptions {
  /** The part of the run that counts, in microseconds of the profile's clock. Everything when absent. */
  readonly window?: { readonly from: number; readonly to: number };
  /** Prefix of file addresses that is left out, e.g. `file:///…/`. */
  readonly root: string;
}

export function readCpuProfile(profile: CpuProfile, { window, root }: ReadOptions): ProfileSummary {
  const ownMs = sampledMs(profile, window);
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const isIdle = ({ callFrame }: ProfileNode) => callFrame.functionName === '(idle)';
  const idle = profile.nodes.filter(isIdle).reduce((sum, { id }) => sum + (ownMs.get(id) ?? 0), 0);
  const busyMs = [...ownMs.values()].reduce((sum, ms) => sum + ms, 0) - idle;
  const self = new Map<string, number>();
  const parts = new Map<string, number>();
  for (const node of profile.nodes) {
    const ms = ownMs.get(node.id) ?? 0;
    if (ms === 0 || isIdle(node)) continue;
    add(self, functionOf(node, root), ms);
    add(parts, partOf(node, root), ms);
  }
  const inclusive = inclusiveMs({ profile, byId, ownMs, root });
  const costs = (sums: ReadonlyMap<string, number>) =>
    [...sums].map(([name, ms]): Cost => ({ name, ms, share: ms / busyMs })).toSorted((one, other) => other.ms - one.ms);
  return { busyMs, idleMs: idle, self: costs(self), inclusive: costs(inclusive), parts: costs(parts) };
}

/** Milliseconds per node in which it was on top of the stack. */
function sampledMs({ samples, timeDeltas, startTime }: CpuProfile, window: ReadOptions['window']): Map<number, number> {
  const sums = new Map<number, number>();
  let now = startTime;
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0;
    now += delta;
    if (window && (now < window.from || now > window.to)) continue;
    add(sums, id, delta / 1000);
  }
  return sums;
}

/** A function that calls itself, over whatever detour, is counted once: at its outermost call. */
function inclusiveMs({
  profile,
  byId,
  ownMs,
  root,
}: {
  profile: CpuProfile;
  byId: ReadonlyMap<number, ProfileNode>;
  ownMs: ReadonlyMap<number, number>;
  root: string;
}): Map<string, number> {
  const sums = new Map<string, number>();
  const visit = (node: ProfileNode, above: ReadonlySet<string>): number => {
    const name = functionOf(node, root);
    const isOurs = placeOf(node, root).startsWith('server/');
    const below = isOurs && !above.has(name) ? new Set([...above, name]) : above;
    let ms = ownMs.get(node.id) ?? 0;
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child) ms += visit(child, below);
    }
    if (isOurs && !above.has(name)) add(sums, name, ms);
    return ms;
  };
  const children = new Set(profile.nodes.flatMap((node) => node.children ?? []));
  for (const node of profile.nodes) if (!children.has(node.id)) visit(node, new Set());
  return sums;
}

function add<Key>(sums: Map<Key, number>, key: Key, ms: number): void {
  sums.set(key, (sums.get(key) ?? 0) + ms);
}

function functionOf(node: ProfileNode, root: string): string {
  const { functionName, lineNumber } = node.callFrame;
  const place = placeOf(node, root);
  return place === '' ? functionName || '(native)' : `${functionName || '(anonymous)'} ${place}:${lineNumber + 1}`;
}

function placeOf({ callFrame: { url } }: ProfileNode, root: string): string {
  return url.startsWith(root) ? url.slice(root.length) : url;
}

/** `server/gateway`, `node_modules/pg`, `node:internal/streams`, or V8's own word such as `(garbage collector)`. */
function partOf(node: ProfileNode, root: string): string {
  const place = placeOf(node, root);
  if (place === '') return /^\(.+\)$/.test(node.callFrame.functionName) ? node.callFrame.functionName : '(native code)';
  const [first = '', second = '', third = ''] = place.split('/');
  if (first === 'node_modules') return second.startsWith('@') ? `${first}/${second}/${third}` : `${first}/${second}`;
  if (first === 'server') return second.includes('.') ? first : `${first}/${second}`;
  return place.startsWith('node:internal/') ? `${first}/${second}` : place;
}
