/** The rules of circuits as the settings say them. */
import type { Settings } from '../contract/settings.ts';
import { defaultCircuitRules, type CircuitRules } from './circuit.ts';

/** @example createAttemptHealth({ clock, log, rules: () => circuitRulesOf(settings.current()) }) */
export function circuitRulesOf(settings: Settings): CircuitRules {
  return {
    ...defaultCircuitRules,
    failureThreshold: settings['circuit.failure_threshold'],
    openMs: settings['circuit.open_ms'],
    probes: settings['circuit.probes'],
    successesToClose: settings['circuit.successes_to_close'],
  };
}
