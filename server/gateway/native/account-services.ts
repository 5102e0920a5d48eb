/**
 * What a Codex client may ask of "its" account (wire spec A2), answered of the Pool. Nothing of an account of the Pool
 * leaves: not its id, its owner or its workspace; and a client that took a workspace's own address from here would go
 * there with its Pool key. Pure.
 */
import { hash } from 'node:crypto';
import type { StoredCredit } from '../../accounts/resets/reset-bank.ts';

/** @param clientAccountId - What the client takes its account for; it refuses to go on when that is not listed. */
export function accountsCheck({ clientAccountId, poolId }: { clientAccountId: string | undefined; poolId: string }) {
  const id = clientAccountId !== undefined && /^[\w-]{1,100}$/.test(clientAccountId) ? clientAccountId : poolId;
  return {
    accounts: [{ id, workspace_backend_origin: 'NO_CONSTRAINT', account_routing_override: 'NO_CONSTRAINT' }],
    account_ordering: [id],
    default_account_id: id,
  };
}

/** To look at only: what they are called here spends nothing anywhere. */
export function savedResets(credits: readonly StoredCredit[]) {
  return {
    credits: credits.map(({ id, status, grantedAt, expiresAt }) => ({
      id: `RateLimitResetCredit_${hash('sha256', id, 'hex').slice(0, 24)}`,
      reset_type: 'codex_rate_limits',
      status,
      granted_at: grantedAt?.toISOString() ?? null,
      expires_at: expiresAt?.toISOString() ?? null,
      redeem_started_at: null,
      redeemed_at: null,
      title: 'Saved reset',
      description: 'Held by an account of the Pool; its operator spends it.',
    })),
    available_count: credits.filter(({ status }) => status === 'available').length,
  };
}
