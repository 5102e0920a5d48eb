/** A Pool's limits as headers in the form of the provider's (wire spec A10), from the same synthesis as the usage answer. */
import type { PoolUsage, UsageWindow } from './pool-usage.ts';

export function usageHeaders({ rate_limit: { primary_window, secondary_window } }: PoolUsage): Record<string, string> {
  return { ...windowHeaders('primary', primary_window), ...windowHeaders('secondary', secondary_window) };
}

function windowHeaders(slot: 'primary' | 'secondary', window: UsageWindow | null): Record<string, string> {
  if (!window) return {};
  return {
    [`x-codex-${slot}-used-percent`]: String(window.used_percent),
    [`x-codex-${slot}-window-minutes`]: String(Math.round(window.limit_window_seconds / 60)),
    [`x-codex-${slot}-reset-at`]: String(window.reset_at),
  };
}
