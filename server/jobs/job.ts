/** What a kind of recurring work is: when it is due, and what it does. */
import type { JobName } from '../contract/vocabulary.ts';

export type JobSchedule =
  /** From the start of one run to the start of the next. */
  | { readonly kind: 'every'; readonly everyMs: number }
  /** Once a day at this minute after midnight UTC, or as soon as the machine is awake again. */
  | { readonly kind: 'daily'; readonly atMinute: number };

export interface JobWork {
  readonly schedule: JobSchedule;
  /** False while settings leave it nothing to do; absent means always on. */
  readonly isOn?: () => boolean;
  /**
   * Does the work once; running it again at any time must be harmless. The signal asks to stop at the next good place.
   *
   * @returns how many things were done. A rejection is logged and tried again, later each time.
   */
  run(signal: AbortSignal): Promise<number>;
}

/** The work under its name, as the list has it. */
export interface Job extends JobWork {
  readonly name: JobName;
}
