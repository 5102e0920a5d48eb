/** An admission with few seats on a clock that is moved by hand, for tests of who comes in. */
import type { AtOnceLimit } from '../../server/api-keys/limit-book.ts';
import type { LaneName } from '../../server/contract/lanes.ts';
import { defaultSettings, type Settings } from '../../server/contract/settings.ts';
import { createAdmission, type Entrant } from '../../server/gateway/admission/admission.ts';
import { createHandMovedClock } from './one-installation.ts';

/** Two may run, three may wait, for ten seconds. */
export const small: Settings = {
  ...defaultSettings,
  'admission.proxy_stream.seats': 2,
  'admission.proxy_stream.queue': 3,
  'admission.proxy_stream.wait_ms': 10_000,
};

interface TestEntrant extends Partial<Omit<Entrant, 'atOnce'>> {
  readonly lane?: LaneName;
  readonly atOnce?: readonly AtOnceLimit[];
}

export function admitting(usual: Settings = small) {
  // It stands still, so that what is refused at once is told from what has waited.
  const clock = createHandMovedClock();
  let settings = usual;
  const admission = createAdmission({ clock, settings: () => settings });
  const enter = ({ lane = 'proxy_stream', atOnce = [], ...entrant }: TestEntrant = {}) => {
    const entering = admission.enter(lane, {
      owner: 'anna',
      atOnce: () => atOnce,
      signal: new AbortController().signal,
      ...entrant,
    });
    // Those still waiting when a test is over are nobody's concern.
    entering.catch(() => undefined);
    return entering;
  };
  const change = (changes: Partial<Settings>) => void (settings = { ...settings, ...changes });
  return { admission, clock, enter, change };
}
