/** What an account encrypted in an output item, so that only it can open it again. */

export interface Sealed {
  readonly kind: 'compaction' | 'sealed';
  readonly content: string;
}

/** null for items that hold nothing encrypted. Compactions are told apart: nothing stands for what they hold. */
export function readSealed({ type, encrypted_content: content }: Record<string, unknown>): Sealed | null {
  if (typeof type !== 'string' || typeof content !== 'string' || content === '') return null;
  return { kind: type.startsWith('compaction') ? 'compaction' : 'sealed', content };
}
