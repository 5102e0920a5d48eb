/** From a readable request to the plan of its answer: the script first, then what the provider does by itself. */
import type { Account } from './account.ts';
import { bindAnswer, type Answer } from './behaviours/registry.ts';
import { usageLimitRefusal } from './behaviours/refusals.ts';
import { writeTurnState } from './encrypted-state.ts';
import type { Provider } from './provider.ts';
import type { Plan } from './steps.ts';
import { bringsToolOutput, lastUserText, type Ask, type Turn } from './turn.ts';

/** Where inference lives, for both transports. */
export const responsesPath = '/backend-api/codex/responses';

/** The word in a user's message that makes the default answer a tool call. */
const toolMarker = 'use-a-tool';

/** Opens a turn for a request that passed the checks, and says how it is answered. Counts the request. */
export function planAnswer(provider: Provider, account: Account, ask: Ask): { turn: Turn; plan: Plan } {
  const { parts } = provider;
  const turn: Turn = {
    parts,
    account,
    ask,
    responseId: parts.ids.next('resp'),
    turnState: ask.turnState ?? writeTurnState(account.name, account.nextTurn()),
    createdAt: Math.floor(parts.clock.now().getTime() / 1000),
  };
  if (ask.prewarm) {
    account.counters.prewarms += 1;
    return { turn, plan: bindAnswer({ behaviour: 'N8' }).answer(turn) };
  }
  account.counters.requests += 1;
  const scripted = provider.takeScripted(account, 'answer', ask);
  if (scripted) return { turn, plan: scripted.answer(turn) };
  const resetsAt = account.quota.exhaustedUntil();
  if (resetsAt !== undefined) return { turn, plan: [usageLimitRefusal(turn, { resetsAt })] };
  return { turn, plan: bindAnswer(chooseDefault(ask)).answer(turn) };
}

/** What the provider does when nobody scripted anything. */
function chooseDefault(ask: Ask): Answer {
  if (ask.effort === 'minimal') return { behaviour: 'F12' };
  if (ask.input.at(-1)?.type === 'compaction_trigger') return { behaviour: 'N7' };
  const wantsTool = lastUserText(ask).includes(toolMarker) && !bringsToolOutput(ask);
  if (wantsTool) return ask.lite ? { behaviour: 'N5', kind: 'exec' } : { behaviour: 'N4' };
  return { behaviour: 'N1' };
}
