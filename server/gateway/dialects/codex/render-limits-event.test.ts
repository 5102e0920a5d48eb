import { expect, it } from 'vitest';
import { renderLimitsEvent } from './render-limits-event.ts';

const now = new Date('2026-11-22T10:00:00Z');
const read = (headers: Record<string, string>) =>
  JSON.parse(renderLimitsEvent(headers, now)?.toString('utf8') ?? 'null') as unknown;

it('says of each window what the headers say, the shorter one first', () => {
  expect(
    read({
      'content-type': 'text/event-stream',
      'x-codex-plan-type': 'pro',
      'x-codex-primary-used-percent': '22',
      'x-codex-primary-window-minutes': '10080',
      'x-codex-primary-reset-at': '1795800000',
      'x-codex-secondary-used-percent': '100',
      'x-codex-secondary-window-minutes': '300',
      'x-codex-secondary-reset-at': '1795331094',
      'x-codex-bengalfox-primary-used-percent': '1',
      'x-codex-bengalfox-primary-window-minutes': '60',
    }),
  ).toEqual({
    type: 'codex.rate_limits',
    plan_type: 'pro',
    rate_limits: {
      allowed: false,
      limit_reached: true,
      primary: { used_percent: 100, window_minutes: 300, reset_at: 1_795_331_094 },
      secondary: { used_percent: 22, window_minutes: 10_080, reset_at: 1_795_800_000 },
    },
    credits: null,
  });
});

it('is left out when the headers name no window', () => {
  expect(read({ 'content-type': 'text/event-stream', 'x-codex-plan-type': 'pro' })).toBeNull();
  expect(read({ 'x-codex-primary-used-percent': '0', 'x-codex-primary-window-minutes': '0' })).toBeNull();
});
